"""`python -m po_pw`."""

from po_pw.cli import main

if __name__ == "__main__":
    main()
