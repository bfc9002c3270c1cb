"""Texts of the tenant's pages, in three languages."""

from __future__ import annotations

import dataclasses
from typing import Final


@dataclasses.dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language. `{}` is replaced by a name or a number."""

    order: str
    requisition: str
    file: str
    general: str
    status: str
    issued: str
    date: str
    requisition_number: str
    requester: str
    attachments: str
    none: str
    supplier: str
    lines: str
    comments: str
    view: str
    following: str
    add_file: str
    add_url: str
    add_text: str
    delete: str
    cancel: str
    print_view: str
    orders: str
    requisitions: str
    invoices: str
    sign_out: str
    notice: str
    errors: dict[str, tuple[str, str]]
    """Heading and message of `not_found`, `forbidden`, `error` and `gone`."""


TEXTS: Final = {
    "en": Texts(
        order="Purchase Order #{}",
        requisition="Requisition #{}",
        file="{} file attachment",
        general="General Info",
        status="Status",
        issued="Issued",
        date="Order Date",
        requisition_number="Requisition #",
        requester="Requester",
        attachments="Attachments",
        none="None",
        supplier="Supplier",
        lines="Lines",
        comments="Comments",
        view="View Attachments ({})",
        following="Next",
        add_file="Add File Attachment",
        add_url="Add URL",
        add_text="Add Text",
        delete="Delete",
        cancel="Cancel Order",
        print_view="Print View",
        orders="Orders",
        requisitions="Requisitions",
        invoices="Invoices",
        sign_out="Sign Out",
        notice="On Saturday from 6 to 8 pm some reports will be slower than usual.",
        errors={
            "not_found": ("Oops! We couldn't find what you wanted", "It may have been moved, or it never existed."),
            "forbidden": ("You are not authorized", "Ask your administrator for access to this document."),
            "error": ("Something went wrong", "An error occurred while this page was being prepared. Try again later."),
            "gone": ("File unavailable", "This attachment cannot be opened."),
        },
    ),
    "pt": Texts(
        order="Pedido de compra nº {}",
        requisition="Requisição nº {}",
        file="Anexo de arquivo de {}",
        general="Informações gerais",
        status="Status",
        issued="Emitido",
        date="Data do pedido",
        requisition_number="Nº da requisição",
        requester="Solicitante",
        attachments="Anexos",
        none="Nenhum",
        supplier="Fornecedor",
        lines="Linhas",
        comments="Comentários",
        view="Exibir anexos ({})",
        following="Próxima",
        add_file="Adicionar anexo de arquivo",
        add_url="Adicionar URL",
        add_text="Adicionar texto",
        delete="Excluir",
        cancel="Cancelar pedido",
        print_view="Visualizar impressão",
        orders="Pedidos",
        requisitions="Requisições",
        invoices="Faturas",
        sign_out="Sair",
        notice="No sábado, das 18h às 20h, alguns relatórios ficarão mais lentos.",
        errors={
            "not_found": ("Desculpe, não encontramos o que você procurava", "O documento pode ter mudado de lugar."),
            "forbidden": ("Você não tem autorização", "Peça ao administrador acesso a este documento."),
            "error": ("Algo deu errado", "Ocorreu um erro ao preparar esta página. Tente novamente mais tarde."),
            "gone": ("Arquivo indisponível", "Não é possível abrir este anexo."),
        },
    ),
    "de": Texts(
        order="Bestellung Nr. {}",
        requisition="Bestellanforderung Nr. {}",
        file="Dateianhang {}",
        general="Allgemeine Angaben",
        status="Status",
        issued="Ausgestellt",
        date="Bestelldatum",
        requisition_number="Bestellanforderung Nr.",
        requester="Anforderer",
        attachments="Anhänge",
        none="Keine",
        supplier="Lieferant",
        lines="Positionen",
        comments="Kommentare",
        view="Anhänge anzeigen ({})",
        following="Weiter",
        add_file="Dateianhang hinzufügen",
        add_url="URL hinzufügen",
        add_text="Text hinzufügen",
        delete="Löschen",
        cancel="Bestellung stornieren",
        print_view="Druckansicht",
        orders="Bestellungen",
        requisitions="Bestellanforderungen",
        invoices="Rechnungen",
        sign_out="Abmelden",
        notice="Am Samstag von 18 bis 20 Uhr sind manche Berichte langsamer als sonst.",
        errors={
            "not_found": ("Das haben wir leider nicht gefunden", "Vielleicht wurde es verschoben oder gelöscht."),
            "forbidden": ("Sie sind dazu nicht berechtigt", "Bitten Sie Ihren Administrator um Zugriff darauf."),
            "error": ("Da ist etwas schiefgegangen", "Beim Aufbau dieser Seite trat ein Fehler auf."),
            "gone": ("Datei nicht verfügbar", "Dieser Anhang kann nicht geöffnet werden."),
        },
    ),
}
"""By language."""
