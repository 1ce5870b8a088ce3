"""The words of the public pages, in Chinese and English, and which language a reader gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from alerting.wording.times import pick

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Service status",
        "operational": "Operational",
        "maintenance": "Maintenance",
        "unknown": "Status unknown: our data is out of date",
        "degraded": "Degraded",
        "down": "Unavailable",
        "all_operational": "All services are operational",
        "all_maintenance": "Maintenance is under way",
        "all_unknown": "We cannot tell the present state of every service",
        "all_degraded": "Some services are degraded",
        "all_down": "Some services are unavailable",
        "services": "Services",
        "no_services": "No services are listed here yet.",
        "current": "Current incidents",
        "past": "Past incidents",
        "no_past": "There have been no incidents yet.",
        "scheduled": "Scheduled",
        "in_progress": "In progress",
        "begins": "Begins",
        "ends": "Ends",
        "investigating": "Investigating",
        "identified": "Cause identified",
        "monitoring": "Recovered, being watched",
        "resolved": "Resolved",
        "affects": "Affects",
        "began": "Began",
        "ended": "Ended",
        "lasted": "Lasted",
        "expected": "Expected recovery",
        "longer": "taking longer than expected",
        "next": "Next update",
        "as_of": "As of",
        "as_of_zone": "As of {at}. Times are shown for {zone}.",
        "refresh": "This page refreshes every 30 seconds.",
        "feeds": "Follow by",
        "back": "All services",
        "language": "English",
        "languages": "Languages",
        "not_found": "There is nothing here",
        "not_found_text": "The page may have moved, or the link is incomplete.",
        "ack_title": "Incident {incident}",
        "ack_what": "What",
        "ack_severity": "Severity",
        "ack_services": "Services",
        "ack_since": "Since",
        "ack_state": "State",
        "ack_by": "Acknowledged by",
        "ack_by_at": "{name}, until {until}",
        "ack_nobody": "nobody yet",
        "ack_button": "I am on it",
        "ack_take": "Take over from {name}",
        "ack_done": "You are on it, {name}",
        "ack_done_text": "Nobody else is paged until {until}. You will be reminded then if it is not over.",
        "ack_again": "You are on it already, {name}",
        "ack_other": "{name} is on it",
        "ack_other_text": "They acknowledged at {at}. Nobody else is paged until {until}.",
        "ack_over": "It is over",
        "ack_over_text": "This incident ended at {at}. There is nothing left to acknowledge.",
        "ack_old": "This link is from before it came back",
        "ack_old_text": "It was over meanwhile and has come back. Use the link in the newest page.",
        "ack_conflict": "This cannot be acknowledged now",
        "ack_failed": "It was not recorded",
        "ack_unrecorded": "You are on it, {name}, but this is not recorded",
        "ack_unrecorded_text": "The monitor cannot write to its store. Paging stops for as long as it runs; if it "
        "restarts before its store works again, it may page again.",
        "ack_record": "Press again to see whether it is recorded",
        "ack_failed_text": "Paging goes on. Please press the button again in a moment, or call somebody.",
        "severity_info": "info",
        "severity_warning": "warning",
        "severity_critical": "critical",
        "incident_open": "open",
        "incident_recovering": "recovering",
        "incident_resolved": "resolved",
        "incident_closed": "closed",
    },
    "zh": {
        "title": "服务状态",
        "operational": "正常",
        "maintenance": "维护中",
        "unknown": "状态未知：数据已过期",
        "degraded": "性能下降",
        "down": "无法使用",
        "all_operational": "所有服务均正常",
        "all_maintenance": "正在进行维护",
        "all_unknown": "目前无法确认部分服务的状态",
        "all_degraded": "部分服务性能下降",
        "all_down": "部分服务无法使用",
        "services": "服务",
        "no_services": "这里还没有列出任何服务。",
        "current": "当前事件",
        "past": "历史事件",
        "no_past": "目前还没有发生过事件。",
        "scheduled": "已计划",
        "in_progress": "进行中",
        "begins": "开始",
        "ends": "结束",
        "investigating": "调查中",
        "identified": "已确认原因",
        "monitoring": "已恢复，观察中",
        "resolved": "已解决",
        "affects": "影响",
        "began": "开始",
        "ended": "结束",
        "lasted": "持续",
        "expected": "预计恢复",
        "longer": "恢复所需时间比预计更长",
        "next": "下次更新",
        "as_of": "数据截至",
        "as_of_zone": "数据截至 {at}，时间按 {zone} 时区显示。",
        "refresh": "本页每 30 秒自动刷新。",
        "feeds": "订阅",
        "back": "全部服务",
        "language": "中文",
        "languages": "语言",
        "not_found": "这里什么也没有",
        "not_found_text": "页面可能已移动，或者链接不完整。",
        "ack_title": "事件 {incident}",
        "ack_what": "内容",
        "ack_severity": "级别",
        "ack_services": "服务",
        "ack_since": "开始于",
        "ack_state": "状态",
        "ack_by": "确认人",
        "ack_by_at": "{name}，有效期至 {until}",
        "ack_nobody": "尚无人确认",
        "ack_button": "我来处理",
        "ack_take": "从{name}手中接过",
        "ack_done": "{name}，已由您处理",
        "ack_done_text": "在 {until} 之前不会再呼叫其他人。若届时仍未结束，我们会提醒您。",
        "ack_again": "{name}，此事件已由您处理",
        "ack_other": "{name}正在处理",
        "ack_other_text": "确认时间：{at}。在 {until} 之前不会再呼叫其他人。",
        "ack_over": "事件已结束",
        "ack_over_text": "此事件已于 {at} 结束，无需再确认。",
        "ack_old": "此链接属于上一次故障",
        "ack_old_text": "事件曾经恢复，现已复发。请使用最新通知中的链接。",
        "ack_conflict": "现在无法确认",
        "ack_failed": "未能记录",
        "ack_unrecorded": "{name}，已由您处理，但尚未记录",
        "ack_unrecorded_text": "监控系统无法写入其存储。只要它仍在运行，就不会再呼叫；"
        "若在存储恢复之前重启，可能会再次呼叫。",
        "ack_record": "再按一次，查看是否已记录",
        "ack_failed_text": "呼叫仍在继续。请稍后再按一次按钮，或打电话联系他人。",
        "severity_info": "提示",
        "severity_warning": "警告",
        "severity_critical": "严重",
        "incident_open": "进行中",
        "incident_recovering": "恢复中",
        "incident_resolved": "已解决",
        "incident_closed": "已关闭",
    },
}

KNOWN: Final = tuple(WORDS)


def words(language: str) -> Mapping[str, str]:
    """Return the words in `language`, English where we have none."""
    return WORDS[pick([language], KNOWN)]


def choose(languages: Sequence[str], asked: str | None, accept: str) -> str:
    """Return which of the site's languages a reader gets: as asked, else as the browser prefers, else the first."""
    if asked in languages:
        return str(asked)
    by_base = {language.split("-")[0].lower(): language for language in reversed(languages)}
    for preferred in _preferred(accept[:500]):
        if preferred in by_base:
            return by_base[preferred]
    return languages[0] if languages else "en"


def _preferred(accept: str) -> list[str]:
    """Return the primary subtags of an Accept-Language header, best first; refused ones left out."""
    found = []
    for place, part in enumerate(accept.split(",")):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if 0 < quality <= 1:
            found.append((-quality, place, tag.strip().split("-")[0].lower()))
    return [tag for _, _, tag in sorted(found)]
