"""Which function plans which block."""

from typing import assert_never

from tasks.report.blocks.containers import plan_columns, plan_page_break, plan_rule, plan_section
from tasks.report.blocks.context import PlanContext
from tasks.report.blocks.images import plan_contact_sheet, plan_image
from tasks.report.blocks.kpis import plan_kpis
from tasks.report.blocks.text import plan_heading, plan_list, plan_text
from tasks.report.chart.chart import plan_chart
from tasks.report.layout.flow import Flow
from tasks.report.spec.structs import (
    ChartBlock,
    ColumnsBlock,
    ContactSheetBlock,
    HeadingBlock,
    ImageBlock,
    KpisBlock,
    ListBlock,
    PageBreakBlock,
    ReportBlock,
    RuleBlock,
    SectionBlock,
    TableBlock,
    TextBlock,
)
from tasks.report.table.plan import plan_table


def plan_block(block: ReportBlock, flow: Flow, context: PlanContext) -> None:  # noqa: C901, PLR0912 - a block a case
    """Place a block's boxes in the flow.

    Args:
        block: The block.
        flow: Where its boxes are placed.
        context: The report that it is part of.

    Raises:
        Refusal: It cannot be planned as the spec says.
    """
    match block:
        case HeadingBlock():
            plan_heading(block, flow, context)
        case TextBlock():
            plan_text(block, flow, context)
        case ListBlock():
            plan_list(block, flow, context)
        case KpisBlock():
            plan_kpis(block, flow, context)
        case TableBlock():
            plan_table(block, flow, context)
        case ChartBlock():
            plan_chart(block, flow, context)
        case ImageBlock():
            plan_image(block, flow, context)
        case ContactSheetBlock():
            plan_contact_sheet(block, flow, context)
        case PageBreakBlock():
            plan_page_break(flow)
        case RuleBlock():
            plan_rule(block, flow)
        case SectionBlock():
            plan_section(block, flow, context)
        case ColumnsBlock():
            plan_columns(block, flow, context)
        case _:
            assert_never(block)
