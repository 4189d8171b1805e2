"""Which function plans which block."""

from typing import Final

from tasks.report.blocks.containers import plan_columns, plan_page_break, plan_rule, plan_section
from tasks.report.blocks.context import Plan
from tasks.report.blocks.images import plan_contact_sheet, plan_image
from tasks.report.blocks.kpis import plan_kpis
from tasks.report.blocks.text import plan_heading, plan_list, plan_text
from tasks.report.chart.plan import plan as plan_chart
from tasks.report.table.plan import plan as plan_table

PLANS: Final[dict[str, Plan]] = {
    "heading": plan_heading,
    "text": plan_text,
    "list": plan_list,
    "kpis": plan_kpis,
    "table": plan_table,
    "chart": plan_chart,
    "image": plan_image,
    "contact_sheet": plan_contact_sheet,
    "page_break": plan_page_break,
    "rule": plan_rule,
    "section": plan_section,
    "columns": plan_columns,
}
