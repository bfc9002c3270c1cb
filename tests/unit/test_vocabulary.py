"""What short texts mean, in the languages of portals."""

# ruff: noqa: RUF001 - the texts are in the languages and signs of portals
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_pw.portals.generic import change_words, label_words, list_counts, topics, vocabulary

ATTACHMENTS = {
    "en": "Attachments",
    "de": "Anhänge",
    "fr": "Pièces jointes",
    "es": "Adjuntos",
    "pt": "Anexos",
    "it": "Allegati",
    "nl": "Bijlagen",
    "pl": "Załączniki",
    "cs": "Přílohy",
    "sk": "Prílohy",
    "hu": "Mellékletek",
    "ro": "Fișiere atașate",
    "bg": "Прикачени файлове",
    "sv": "Bilagor",
    "da": "Bilag",
    "no": "Vedlegg",
    "fi": "Liitteet",
    "et": "Manused",
    "lv": "Pielikumi",
    "lt": "Priedai",
    "el": "Συνημμένα",
    "tr": "Ekler",
    "ru": "Вложения",
    "uk": "Вкладення",
    "hr": "Prilozi",
    "sl": "Priponke",
    "sr": "Прилози",
    "vi": "Tệp đính kèm",
    "id": "Lampiran",
    "ca": "Adjunts",
    "ja": "添付ファイル",
    "zh": "附件",
    "ko": "첨부파일",
    "ar": "المرفقات",
    "he": "קבצים מצורפים",
    "th": "ไฟล์แนบ",
    "hi": "अनुलग्नक",
}
NONE = {
    "en": "There are no files attached to this order.",
    "de": "Keine Anhänge vorhanden",
    "fr": "Aucune pièce jointe",
    "es": "No hay archivos adjuntos",
    "pt": "Nenhum anexo encontrado",
    "it": "Nessun allegato",
    "nl": "Geen bijlagen",
    "pl": "Brak załączników",
    "cs": "Žádné přílohy",
    "sk": "Žiadne prílohy",
    "hu": "Nincsenek mellékletek",
    "ro": "Nu există atașamente",
    "bg": "Няма прикачени файлове",
    "sv": "Inga bilagor",
    "da": "Ingen vedhæftede filer",
    "no": "Ingen vedlegg",
    "fi": "Ei liitteitä",
    "et": "Manused puuduvad",
    "lv": "Nav pielikumu",
    "lt": "Priedų nėra",
    "el": "Δεν υπάρχουν συνημμένα",
    "tr": "Ek dosya yok",
    "ru": "Нет вложений",
    "uk": "Немає вкладень",
    "hr": "Nema privitaka",
    "sl": "Ni priponk",
    "vi": "Không có tệp đính kèm",
    "id": "Tidak ada lampiran",
    "ja": "添付ファイルはありません",
    "zh": "暂无附件",
    "ko": "첨부파일이 없습니다.",
    "ar": "لا توجد مرفقات",
    "he": "אין קבצים מצורפים",
    "th": "ไม่มีไฟล์แนบ",
}
LOADING = {
    "en": "Loading…",
    "de": "Wird geladen…",
    "fr": "Chargement en cours…",
    "es": "Cargando…",
    "pt": "Carregando…",
    "it": "Caricamento in corso…",
    "nl": "Bezig met laden…",
    "pl": "Ładowanie…",
    "cs": "Načítání…",
    "sv": "Laddar…",
    "da": "Indlæser…",
    "no": "Laster…",
    "fi": "Ladataan…",
    "hu": "Betöltés…",
    "tr": "Yükleniyor…",
    "ru": "Загрузка…",
    "uk": "Завантаження…",
    "el": "Φόρτωση…",
    "ja": "読み込み中…",
    "zh": "加载中…",
    "ko": "로딩 중…",
    "ar": "جار التحميل…",
    "he": "טוען…",
    "th": "กำลังโหลด…",
    "vi": "Đang tải…",
    "id": "Memuat…",
}


def test_there_are_enough_languages() -> None:
    """There are at least 25, each with the words that every portal uses."""
    assert len(vocabulary.LANGUAGES) >= 25
    assert set(vocabulary.LANGUAGES) == set(ATTACHMENTS)


@pytest.mark.parametrize(("language", "word"), ATTACHMENTS.items(), ids=str)
def test_a_heading_of_attachments(language: str, word: str) -> None:
    """The word alone, with a count or colon, or in capitals, is the topic."""
    for text in (word, f"{word}:", f"{word} (3)", word.upper(), f"📎 {word}"):
        assert topics.topic(text) == 1.0, text
    assert list_counts.claims(f"{word} (3)") == 3
    assert list_counts.claims(f"{word}: 3") == 3
    assert list_counts.claims(word, badge="12") == 12
    assert list_counts.claims(word) is None
    assert list_counts.claims(f"{word} (2024)") is None
    assert not topics.says_none(word)
    assert not topics.says_loading(word)


@pytest.mark.parametrize(("language", "text"), NONE.items(), ids=str)
def test_a_text_that_says_that_there_are_none(language: str, text: str) -> None:
    """It says "none" and is no heading."""
    assert topics.says_none(text)
    assert topics.topic(text) == 0.0


@pytest.mark.parametrize(("language", "text"), LOADING.items(), ids=str)
def test_a_text_that_says_that_something_is_loading(language: str, text: str) -> None:
    """It says "loading" and nothing else."""
    assert topics.says_loading(text)
    assert not topics.says_none(text)
    assert topics.topic(text) == 0.0


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Order attachments", 0.8),
        ("Dateien und Anhänge", 0.8),
        ("Attachments of this order", 0.8),
        ("Files and attachments", 0.8),
        ("Attachment list", 0.8),
        ("Anhänge zur Bestellung", 0.8),
        ("Supplier attachments (2)", 0.8),
        ("注文の添付ファイル", 0.8),
        ("Allegati (0)", 1.0),
        ("Documentos do pedido", 0.5),
        ("Documents", 0.5),
        ("Dateien", 0.5),
        ("Fichiers", 0.5),
        ("Bestanden", 0.5),
        ("Unterlagen", 0.5),
        ("Pliki", 0.5),
        ("Order documents", 0.5),
        ("Files (3)", 0.5),
        ("Документы", 0.5),
        ("文件", 0.5),
        ("Add attachment", 0),
        ("Upload files", 0),
        ("Attachment policy", 0),
        ("Document number", 0),
        ("Document date", 0),
        ("Purchase document", 0),
        ("Belegnummer", 0),
        ("Dokumentnummer", 0),
        ("Delete attachments", 0),
        ("Anhang hinzufügen", 0),
        ("invoice.pdf", 0),
        ("Please see the attachments for details.", 0),
        ("Send your documents to buyer", 0),
        ("", 0),
        ("No attachments", 0),
        ("Attachment size", 0),
        ("Max. 10 attachments allowed", 0),
        ("How to add attachments?", 0),
        ("Profile", 0),
        ("Order lines", 0),
        ("Comments", 0),
        ("Ship to address", 0),
        ("Help", 0),
    ],
)
def test_how_surely_a_text_is_a_topic(text: str, score: float) -> None:
    """A whole text scores 1, a few words 0.8, documents 0.5, else 0."""
    assert topics.topic(text) == score


@pytest.mark.parametrize(
    "text",
    [
        "attachmentsList",
        "file-list",
        "s-attachmentList",
        "anexos",
        "order_documents",
        "po-attachments",
        "AttachmentsTable",
        "files",
        "documentList",
        "panel__attachments",
        "tblAnhaenge",
        "attached-files",
        "orderFilesGrid",
        "fileList",
    ],
)
def test_an_identifier_of_an_area(text: str) -> None:
    """Ids, classes and test ids name an attachments area."""
    assert topics.topic_of_identifier(text)


@pytest.mark.parametrize(
    "text",
    [
        "has-attachments",
        "profile",
        "documentElement",
        "file-input",
        "add-attachment",
        "attachment-icon",
        "upload-files",
        "no-files",
        "files-dropzone",
        "btn-attachments",
        "attachmentsHelp",
        "document",
        "fileupload",
        "main",
        "",
        "has-files sidebar",
    ],
)
def test_an_identifier_of_something_else(text: str) -> None:
    """States, inputs, buttons and script objects do not."""
    assert not topics.topic_of_identifier(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Attachments (3)", 3),
        ("3 attachments", 3),
        ("Attachments 3", 3),
        ("Attachments: 12", 12),
        ("Attachments [4]", 4),
        ("Files (0)", 0),
        ("Anhänge (12)", 12),
        ("5 Dateien", 5),
        ("1 attachment", 1),
        ("Show 3 attachments", 3),
        ("Attachments (99+)", 100),
        ("添付ファイル 3件", 3),
        ("附件(3)", 3),
        ("첨부파일 3개", 3),
        ("This order has 3 attachments", 3),
        ("Attachments (PDF, max. 10 files)", None),
        ("до 10 файлов", None),
        ("do 5 plików", None),
        ("Attachments (2024)", None),
        ("Attachments (PDF, 10 MB)", None),
        ("max. 10 files", None),
        ("up to 5 attachments", None),
        ("Attachments 2 of 5", None),
        ("Page 1 of 3", None),
        ("Order 4711", None),
        ("Attachments since 2024", None),
        ("You can add 5 attachments", None),
        ("3 attachments were removed", None),
        ("invoice 3.pdf", None),
        ("Attachments 10 %", None),
        ("Attachments (3 MB)", None),
        ("Attachments 03.04.2026", None),
        ("Attachments", None),
        ("(3)", None),
        ("Anhänge (max. 5)", None),
        ("Only 3 attachments per order", None),
        ("2 lines, 3 attachments", None),
    ],
)
def test_a_count(text: str, count: int | None) -> None:
    """A number counts only where a count stands."""
    assert list_counts.claims(text) == count


@pytest.mark.parametrize("badge", ["max", "2024-01-01", "3 MB", "", "new"])
def test_a_badge_that_is_no_count(badge: str) -> None:
    """A badge is a count only if it is a number alone."""
    assert list_counts.claims("Attachments", badge=badge) is None
    assert list_counts.claims("Lines", badge="3") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1–10 of 37", (10, 37)),
        ("3 von 9", (3, 9)),
        ("Showing 3 of 9", (3, 9)),
        ("3/9 files", (3, 9)),
        ("1 - 10 von 37", (10, 37)),
        ("Showing 1 to 10 of 37 entries", (10, 37)),
        ("1 à 10 sur 37", (10, 37)),
        ("1-10 de 37", (10, 37)),
        ("1–10 / 37 Dateien", (10, 37)),
        ("Showing 1–50 of 1,234", (50, 1234)),
        ("Показано 1–10 из 37", (10, 37)),
        ("37件中 1～10件を表示", (10, 37)),
        ("显示第 1 到第 10 条，共 37 条", (10, 37)),
        ("37개 중 1-10", (10, 37)),
        ("1-10 av 37", (10, 37)),
        ("1 do 10 z 37", (10, 37)),
        ("Page 1 of 3", None),
        ("Seite 1 von 3", None),
        ("Página 1 de 3", None),
        ("1/3", None),
        ("3/4/2026", None),
        ("9 of 3", None),
        ("Version 2 of 2024", None),
        ("Attachments", None),
        ("10 of 100 MB", None),
        ("第 1 页 共 3 页", None),
        ("第1页", None),
    ],
)
def test_how_many_are_shown(text: str, found: tuple[int, int] | None) -> None:
    """Up to which entry of how many; pages and fractions do not count."""
    assert list_counts.shown_of(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "No attachments",
        "0 files",
        "–",
        "none",
        "Files: none",
        "No attachments found.",
        "There are currently no attachments",
        "(empty)",
        "No data",
        "0 attachments",
    ],
)
def test_none_in_english(text: str) -> None:
    """Short texts that mean "none" as a whole."""
    assert topics.says_none(text)


@pytest.mark.parametrize(
    "text",
    [
        "No attachments may be larger than 10 MB",
        "Attachments",
        "10 files",
        "No. 5",
        "Nothing can be approved",
        "no attachments?",
        "Not approved",
        "Attachment not signed",
        "",
        "No. of files: 3",
        "Please add no more than 3 files",
    ],
)
def test_what_does_not_say_none(text: str) -> None:
    """Limits, states and numbers do not mean "none"."""
    assert not topics.says_none(text)


@pytest.mark.parametrize(
    "text",
    [
        "Loading",
        "Loading attachments…",
        "Please wait...",
        "Please wait while the list is loading",
        "Anhänge werden geladen",
        "Bitte warten",
        "お待ちください",
        "Veuillez patienter",
    ],
)
def test_loading(text: str) -> None:
    """Short texts that ask to wait."""
    assert topics.says_loading(text)


@pytest.mark.parametrize(
    "text",
    [
        "Loading dock 4",
        "Bill of lading",
        "",
        "Please",
        "Data",
        "Please sign",
        "Order is in progress by the supplier",
        "Download",
        "Please confirm",
    ],
)
def test_not_loading(text: str) -> None:
    """Words that only begin like that."""
    assert not topics.says_loading(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Download invoice.pdf (24 KB)", "invoice.pdf"),
        ("invoice.pdf", "invoice.pdf"),
        ("Delete invoice.pdf", "invoice.pdf"),
        ("order signed.pdf", "order signed.pdf"),
        ("data.bin", "data.bin"),
        ("run.log", "run.log"),
        ("scan.p7m", "scan.p7m"),
        ("Datei löschen rechnung.pdf", "rechnung.pdf"),
        ("Permanently delete invoice.pdf", "invoice.pdf"),
        ("invoice.pdf herunterladen", "invoice.pdf"),
        ("invoice.pdfを削除", "invoice.pdf"),
        ("删除invoice.pdf", "invoice.pdf"),
        ("請求書.pdf", "請求書.pdf"),
        ("Rechnung 2024-01.pdf", "Rechnung 2024-01.pdf"),
        ("my.report.final.docx", "my.report.final.docx"),
        ("scan (1).tif", "scan (1).tif"),
        ("Télécharger facture n° 5.pdf", "facture n° 5.pdf"),
        ("INVOICE.PDF", "INVOICE.PDF"),
        ("archive.tar.gz", "archive.tar.gz"),
        ("part.x_t", ""),
        ("model.prt1", "model.prt1"),
        ("“invoice.pdf”", "invoice.pdf"),
        ("Open invoice.pdf, 24 KB", "invoice.pdf"),
        ("Счет 5.pdf", "Счет 5.pdf"),
        ("a.pdf (opens in a new window)", "a.pdf"),
        ("v1.2", ""),
        ("example.com", ""),
        ("12.50", ""),
        ("www.example.pdfx", ""),
        ("1.234,56 EUR", ""),
        ("Terms. Then more", ""),
        ("user@example.org", ""),
        ("e.g. this", ""),
        ("Ready.Set", ""),
        ("3.5mm", ""),
        ("", ""),
        (".pdf", ""),
        ("PDF", ""),
        ("Node.js is used here", ""),
        ("No.5", ""),
        ("portal.example", ""),
    ],
)
def test_a_file_name(text: str, name: str) -> None:
    """The file name that a label is or contains."""
    assert label_words.file_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "btnDeleteRow",
        "delete_outline",
        "/attachments/5/delete",
        "_method=delete",
        "btndelete",
        "deletefile",
        "rm",
        "btn-del",
        "js-trash",
        "fileRemove",
        "onApprove",
        "lnkUnlink",
        "btnLoeschen",
        "cmdEliminar",
        "DELETE_ALL",
        "destroy",
        "archiveDocument",
    ],
)
def test_an_identifier_of_change(text: str) -> None:
    """Programmers' words for changes."""
    assert change_words.change_word(text, identifier=True, acts_only=True)


@pytest.mark.parametrize(
    "text",
    [
        "design",
        "signature-free",
        "assigned",
        "documentos_del_pedido",
        "btn-primary",
        "dropdown-toggle",
        "UpdatePanel1",
        "addon",
        "postal",
        "bookmark",
        "signal",
        "removed",
        "approvals",
        "published",
        "editor",
        "charm",
        "format",
        "model",
        "public",
        "confirmation",
        "firm",
        "sendergebnis",
        "checkbox",
        "form-control",
        "approvedBy",
        "sentDate",
    ],
)
def test_an_identifier_without_change(text: str) -> None:
    """Similar words, states and nouns are no change."""
    assert change_words.change_word(text, identifier=True, acts_only=True) is None


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Next", "n"),
        ("Next page", "n"),
        ("›", "n"),
        ("Weiter", "n"),
        ("下一页", "n"),
        ("Nästa sida", "n"),
        ("Siguiente »", "n"),
        ("Load more", "m"),
        ("Show more attachments", "m"),
        ("Mehr anzeigen", "m"),
        ("Visa fler", "m"),
        ("もっと見る", "m"),
        ("더보기", "m"),
        ("Previous", "p"),
        ("‹", "p"),
        ("Zurück", "p"),
        ("前へ", "p"),
        ("Next step: approve", ""),
        ("Submit and next", ""),
        ("More information on approval", ""),
        ("Next order", ""),
        ("Confirm", ""),
        ("", ""),
    ],
)
def test_paging(text: str, kinds: str) -> None:
    """ "Next" and "more" count as whole labels; "previous" is neither."""
    assert label_words.is_next_label(text) == ("n" in kinds)
    assert label_words.is_more_label(text) == ("m" in kinds)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", 3),
        ("Page 3", 3),
        ("Seite 3", 3),
        ("Go to page 12", 12),
        ("3 items", None),
        ("0", None),
        ("3.5", None),
        ("Order 3", None),
        ("", None),
        ("1/3", None),
        ("第 2 页", 2),
    ],
)
def test_the_number_of_a_page(text: str, number: int | None) -> None:
    """A number alone, or after the word for page."""
    assert label_words.page_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "Show attachments (3)",
        "Attachments",
        "Anhänge anzeigen",
        "Expand all",
        "View all attachments",
        "Mostrar anexos",
        "すべて表示",
        "Afficher les pièces jointes",
        "Show all",
    ],
)
def test_an_expander(text: str) -> None:
    """The whole label says that it shows the list."""
    assert label_words.is_expander_label(text)


@pytest.mark.parametrize(
    "text",
    [
        "Delete all",
        "Show attachments to supplier",
        "Open and approve attachments",
        "Load documents into ERP",
        "Wareneingang anzeigen",
        "Menu",
        "",
        "Approval",
    ],
)
def test_no_expander(text: str) -> None:
    """Other labels with such words do not."""
    assert not label_words.is_expander_label(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sign in",
        "Log in",
        "Sign in with SSO",
        "Anmelden",
        "Se connecter",
        "Iniciar sesión",
        "ログイン",
        "登录",
        "Войти",
        "Logga in",
    ],
)
def test_a_way_to_sign_in(text: str) -> None:
    """Sign-in labels in all languages."""
    assert label_words.is_sign_in_label(text)


@pytest.mark.parametrize(
    "text", ["Sign", "Sign out", "Log out", "e-sign", "Design", "Blog in German language for all of our suppliers"]
)
def test_no_way_to_sign_in(text: str) -> None:
    """Signing a document and signing out are not."""
    assert not label_words.is_sign_in_label(text)


@given(text=st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    """Any text gets an answer, and case does not matter."""
    topics.topic(text)
    topics.topic_of_identifier(text)
    list_counts.claims(text)
    list_counts.claims("Attachments", badge=text)
    list_counts.shown_of(text)
    topics.says_none(text)
    topics.says_loading(text)
    label_words.page_number(text)
    label_words.names_something(text)
    assert label_words.is_download_label(text, names=[text]) in {True, False}
    name = label_words.file_name(text)
    assert name in text or not name


@pytest.mark.parametrize("language", [name for name in vocabulary.LANGUAGES if name != "en"])
def test_each_word_of_change_is_one_and_no_plain_word_is(language: str) -> None:
    """No language's words of change are another's plain words."""
    words = vocabulary.entries(language)
    for entry in words["change"]:
        assert change_words.change_word(entry.rstrip("*")), entry
    for kind in ("download", "page", "window", "attachment", "document"):
        for entry in words.get(kind, ()):
            assert change_words.change_word(entry, acts_only=True) is None, entry
    for entry in words["download"]:
        assert label_words.is_download_label(entry), entry
    for entry in words["next"]:
        assert label_words.is_next_label(entry), entry


@pytest.mark.parametrize(
    ("text", "acts"),
    [
        ("Contrat signé", False),
        ("Signer", True),
        ("Signe", True),
        ("Törlés", True),
        ("Supprimer", True),
        ("Supprimé", False),
        ("Onay ver", True),
    ],
)
def test_what_was_done_is_told_from_what_is_to_be_done(text: str, acts: bool) -> None:
    """The two are told apart even if only an accent differs."""
    assert (change_words.change_word(text, acts_only=True) is not None) == acts
    assert change_words.change_word(text) is not None
