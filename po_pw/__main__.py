"""`python -m po_pw`."""

from po_pw.cli.console_script import main

if __name__ == "__main__":
    main()
