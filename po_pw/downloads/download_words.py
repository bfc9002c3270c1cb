"""Labels of links that download the file of their page, in many languages. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

_WORDS: Final = frozenset(
    {
        "download",
        "download file",
        "download attachment",
        "download document",
        "download original",
        "original",
        "original file",
        "raw",
        "view raw",
        "full size",
        "full resolution",
        "get",
        "get file",
        "open file",
        "save file",
        "herunterladen",
        "datei herunterladen",
        "anhang herunterladen",
        "dokument herunterladen",
        "télécharger",
        "télécharger le fichier",
        "descargar",
        "descargar archivo",
        "descarregar",
        "baixar",
        "baixar arquivo",
        "fazer download",
        "transferir",
        "scarica",
        "scarica file",
        "scaricare",
        "downloaden",
        "bestand downloaden",
        "ladda ner",
        "ladda ned",
        "hämta",
        "hent",
        "hent fil",
        "last ned",
        "lataa",
        "lataa tiedosto",
        "pobierz",
        "pobierz plik",
        "stáhnout",
        "stáhnout soubor",
        "stiahnuť",
        "letöltés",
        "descarcă",
        "descărcare",
        "descărcați",
        "изтегли",
        "изтегляне",
        "скачать",
        "скачать файл",
        "завантажити",
        "преузми",
        "λήψη",
        "indir",
        "dosyay\u0131 indir",
        "הורד",
        "הורדה",
        "تنزيل",
        "تحميل",
        "دانلود",
        "डाउनलोड",
        "डाउनलोड करें",
        "ดาวน์โหลด",
        "tải xuống",
        "tải về",
        "unduh",
        "muat turun",
        "ダウンロード",
        "下载",
        "下載",
        "다운로드",
        "preuzmi",
        "prenesi",
        "laadi alla",
        "lejupielādēt",
        "atsisiųsti",
        "descarrega",
        "baixa",
    }
)
"""Labels of a page's download link, if it is not labelled with the file's name."""
TYPES_AND_UNITS: Final = frozenset(
    {
        "b",
        "kb",
        "mb",
        "gb",
        "kib",
        "mib",
        "bytes",
        "pdf",
        "doc",
        "docx",
        "xls",
        "xlsx",
        "csv",
        "txt",
        "zip",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "tif",
        "tiff",
        "xml",
        "msg",
        "eml",
        "ppt",
        "pptx",
        "rtf",
        "odt",
        "ods",
        "html",
        "htm",
    }
)
"""Sizes and types that may follow such a word."""


def is_download_word(label: str) -> bool:
    """Whether a whole label is a word for downloading, optionally with a type and a size."""
    words = [word for word in words_of(label) if word not in TYPES_AND_UNITS and not word.isdigit()]
    return " ".join(words) in _WORDS


def folded(text: str) -> str:
    """Normalised for comparing names."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def words_of(text: str) -> list[str]:
    """The words of a text: letters with combining marks, and digits."""
    kept = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in folded(text))
    return "".join(kept).split()
