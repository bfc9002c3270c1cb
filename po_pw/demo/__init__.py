"""The demo portals: real HTTP servers on this computer."""
