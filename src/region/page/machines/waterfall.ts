// One boot of a machine as a picture: each exchange, transfer and report as a bar on one line of
// time, from the first DISCOVER to the last byte. Pure.
//
//   events of a boot ─ buildBootRows ─ rows ─┬─ renderWaterfall ─ a list with one SVG for each row
//                                     └─ judgeBoot ─ whether it went well, and the sentence why not
//
// 1. An event of a transfer is published at its end and has its duration, from which its beginning follows.
// 2. Renewals and probes are no steps of a boot, nor is what a person does with the machine after
//    the boot reached its goal. Equal steps in sequence are one row with a count.
// 3. Places and widths are shares of the whole width, and the texts are outside the drawing: it
//    fits every screen, and needs no style attribute.
// 4. Values come from machines: rows and shares are bounded whatever they say.

import { PURPOSE_PROBLEMS, planText, purposeText } from '../../../boot/boot-words.ts';
import { baseName } from '../../../boot/paths.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatOffset, formatSize, formatSpan } from '../../../ground/quantity.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { getReportFields, isKernel, isRefused } from '../../records/report-fields.ts';
import { isReported } from '../../reports/reported.ts';
import { eventText } from '../frame/values.ts';
import { words } from '../frame/words.ts';
import { LOADED } from './timeline.ts';

/** A boot with more rows shows its first and its last ones. */
const ROWS_MAX = 60;
const LAST_ROWS = 20;
/** What a machine does after such a silence, in milliseconds, is not its boot any more. */
const SILENCE_MS = 900_000;
/** Within this time after its last step a boot is going on, in milliseconds. */
const GOING_ON_MS = 180_000;
/**
 * The longest time before the first DISCOVER that is drawn, in milliseconds: the client says how
 * long it has been asking.
 */
const ASKED_MAX_MS = 60_000;
/** The narrowest bar, in per cent of the width. */
const WIDTH_MIN = 0.4;
const TICKS_MAX = 6;
const TICK_STEPS_MS = [
  10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 864e5,
];

type Tone = 'dhcp' | 'file' | 'config' | 'report' | 'state' | 'idle' | 'bad';

export interface BootRow {
  /** The event at which the row's link opens the full log. */
  readonly eventId: number;
  /** Equal for the same step of another boot. */
  readonly key: string;
  readonly name: string;
  readonly tone: Tone;
  readonly startMs: number;
  readonly endMs: number;
  /** When the rack heard it first, if the client had been asking before; undefined: `startMs`. */
  readonly heardMs?: number | undefined;
  readonly bytes?: number | undefined;
  /** How many equal steps it stands for. */
  readonly times: number;
  /** What else is known: an address, blocks sent again. */
  readonly notes: readonly string[];
  readonly server: string;
  /** Why this file, or this configuration. */
  readonly why: string;
}

type FileFields = Readonly<Partial<Record<'bytes' | 'milliseconds' | 'repeatedBlocks', number>>> & {
  readonly file?: string | undefined;
  readonly purpose?: string | undefined;
};

/** What the rows of a boot need besides its events. */
interface BootContext {
  /** The name of the region's own rack; empty: it has none. */
  readonly ownRack: string;
  /**
   * The machine's state before the boot; undefined: the region did not know it, or its log does not
   * say it any more.
   */
  readonly state: string | undefined;
}

const FAILURES =
  /^(?:tftp|http)\.(?:refused|gave-way|aborted|timed-out|flooded|unreachable|failed|stalled|region-unreachable)$|^dhcp\.(?:nak|decline|refused|conflict|fixed-address-used)$/;
const NO_STEP = /probed$|^dhcp\.(?:release|expired|ended|inform|still-used|cleared|declined-back)$/;

/** The rows of one boot. @param boot its events, the oldest first */
export function buildBootRows(boot: readonly MachineEvent[], context: BootContext): readonly BootRow[] {
  const rows: BootRow[] = [];
  let { state } = context;
  for (const event of boot) {
    const last = rows.at(-1);
    if (last !== undefined && event.atMs - last.endMs > SILENCE_MS) break;
    if (event.code === 'status-changed') {
      state = words.values.state(event.params.to);
      // A person who accepts the machine later does not make its boot longer.
      if (event.username !== '' && rows.some(isGoal)) continue;
    }
    const row = buildBootRow(event, { ...context, state });
    if (row === undefined) continue;
    const joined = last === undefined ? undefined : join(last, row, event);
    if (joined === undefined) rows.push(row);
    else rows[rows.length - 1] = joined;
  }
  return rows;
}

function buildBootRow(event: MachineEvent, surroundings: BootContext): BootRow | undefined {
  const { kind = '', atMs, id, code } = event;
  const base = {
    eventId: id,
    startMs: atMs,
    endMs: atMs,
    times: 1,
    notes: [],
    server: event.kind === undefined ? '' : (event.rack ?? surroundings.ownRack),
    why: '',
  };
  if (code === 'status-changed') {
    const { to } = event.params;
    const isBad = to.startsWith('failed') || to === 'broken';
    return { ...base, key: `state ${to}`, name: words.values.state(to), tone: isBad ? 'bad' : 'state' };
  }
  if (code === 'enlisted' && event.params.isAdded !== true)
    return { ...base, key: 'state new', name: words.values.state('new'), tone: 'state' };
  if (code === 'hardware-reported') return { ...base, key: 'report', name: words.waterfall.report, tone: 'report' };
  if (code === 'disk-written') return { ...base, key: 'state written', name: words.waterfall.written, tone: 'state' };
  if (code === 'signal' || code === 'stage-reported') {
    const isBad = event.level === 'error' || event.level === 'critical';
    const name = words.waterfall.report;
    return isBad
      ? { ...base, key: 'failure report', name, tone: 'bad', why: eventText(event) }
      : { ...base, key: 'report', name, tone: 'report' };
  }
  if (kind === '' || NO_STEP.test(kind)) return undefined;
  // A rack of another version has only a sentence.
  if (!isReported(event)) return { ...base, key: kind, name: kind, tone: 'idle', why: eventText(event) };
  if (event.code === 'boot.hint' || event.code === 'boot.loader-loop')
    return { ...base, key: kind, name: words.waterfall.hint, tone: 'bad', why: eventText(event) };
  if (FAILURES.test(kind)) return { ...base, ...buildFailureRow(event) };
  switch (event.code) {
    case 'dhcp.offer': {
      const { address, client, file, waitedSeconds = 0 } = event.params;
      const requestingMs = Math.min(ASKED_MAX_MS, waitedSeconds * 1000);
      return {
        ...base,
        key: `dhcp ${client ?? ''}`,
        name: words.waterfall.dhcp(client),
        tone: 'dhcp',
        startMs: atMs - requestingMs,
        ...(requestingMs === 0 ? {} : { heardMs: atMs }),
        notes: [address ?? '', waitedSeconds === 0 ? '' : words.waterfall.asked(formatSpan(waitedSeconds * 1000))],
        why:
          file === undefined
            ? client === undefined
              ? ''
              : eventText(event)
            : words.waterfall.file(file, planText(event.params)),
      };
    }
    case 'dhcp.ack':
      return event.params.renewal === true
        ? undefined
        : { ...base, key: 'dhcp.ack', name: words.waterfall.lease, tone: 'dhcp', notes: [event.params.address ?? ''] };
    case 'dhcp.elsewhere':
    case 'dhcp.boot-server':
      return { ...base, key: kind, name: words.waterfall.lease, tone: 'dhcp', why: eventText(event) };
    case 'tftp.missing':
    case 'http.missing':
      return { ...base, key: kind, name: words.waterfall.missing, tone: 'idle', notes: [event.params.file ?? ''] };
    case 'http.posted':
      return isRefused(getReportFields(event))
        ? { ...base, ...buildFailureRow(event) }
        : { ...base, ...computeSpan(event), key: 'report', name: words.waterfall.report, tone: 'report' };
    case 'http.forwarded': {
      const file = getLastSegment(event.params.file);
      return {
        ...base,
        ...computeSpan(event),
        key: `region ${file}`,
        name: words.waterfall.metadata(file),
        tone: 'report',
      };
    }
    case 'tftp.sent':
    case 'http.file-sent':
    case 'http.rendered':
      return { ...base, ...buildLoadRow(event, surroundings) };
    default:
      return undefined;
  }
}

/** The fields of an event of a file, whatever kind it is. */
const fileFields = ({ params }: { readonly params: object }): FileFields => params;

function computeSpan(event: MachineEvent) {
  const { milliseconds = 0 } = fileFields(event);
  return { startMs: event.atMs - Math.min(Math.max(0, milliseconds), SILENCE_MS), endMs: event.atMs };
}

const getLastSegment = (path = ''): string => path.split('/').findLast((part) => part !== '') ?? '';

function buildLoadRow(event: MachineEvent, { state }: BootContext) {
  const { file = '', purpose, bytes, repeatedBlocks = 0 } = fileFields(event);
  const protocol = event.kind?.startsWith('tftp') === true ? 'TFTP' : 'HTTP';
  const name = `${protocol} ${baseName(file)}`;
  const again = repeatedBlocks === 0 ? '' : words.waterfall.sentAgain(repeatedBlocks);
  const shared = { ...computeSpan(event), bytes, notes: [again] };
  if (purpose === undefined) return { ...shared, key: name, name, tone: 'file' as const };
  const problem = PURPOSE_PROBLEMS[purpose];
  const key = `config ${purpose}`;
  if (problem !== undefined)
    return { ...shared, key, name, tone: 'bad' as const, why: words.waterfall.cannotStart(problem) };
  const told = purposeText(purpose);
  const isStranger = state === undefined && purpose === 'enlist';
  const why = isStranger ? words.waterfall.toldStranger(told) : words.waterfall.told(told, state);
  return { ...shared, key, name, tone: 'config' as const, why };
}

function buildFailureRow(event: MachineEvent) {
  const { file = '', bytes } = fileFields(event);
  const way = (event.kind ?? '').split('.', 1)[0]?.toUpperCase() ?? '';
  const name = file === '' ? way : `${way} ${getLastSegment(file)}`;
  return { ...computeSpan(event), bytes, key: `failure ${name}`, name, tone: 'bad' as const, why: eventText(event) };
}

/**
 * Merges a row with the next step of the same exchange of DHCP, file, report, or search of a loader;
 * undefined if the step is another.
 */
function join(last: BootRow, next: BootRow, event: MachineEvent): BootRow | undefined {
  if (event.code === 'dhcp.ack') {
    return last.key.startsWith('dhcp ') ? { ...last, endMs: next.endMs, key: `${last.key} ack` } : undefined;
  }
  if (last.key !== next.key || next.tone === 'state') return undefined;
  const isPart = event.code === 'http.file-sent' && last.endMs >= next.startMs - 1000;
  if (!isPart && next.tone !== 'dhcp' && next.tone !== 'report' && next.tone !== 'idle') return undefined;
  const bytes = last.bytes === undefined ? next.bytes : last.bytes + (next.bytes ?? 0);
  return { ...last, endMs: Math.max(last.endMs, next.endMs), times: last.times + 1, bytes };
}

export interface BootVerdict {
  readonly kind: 'good' | 'bad' | 'going-on' | 'stopped';
  /** Why it did not go well; empty if it did, or goes on. */
  readonly why: string;
  /** True if only the machine's state shows that the boot went wrong. */
  readonly isByStateOnly?: boolean;
}

/**
 * Whether a boot went well: by what the region says of its machine, by what the machine reported
 * and loaded, and by its last step.
 */
export function judgeBoot(boot: readonly MachineEvent[], rows: readonly BootRow[], nowMs: number): BootVerdict {
  const hint = boot.findLast(({ code }) => code === 'boot.hint');
  const failed = rows.findLast(({ tone, key }) => tone === 'bad' && key.startsWith('state '));
  const fault = rows.findLast(({ tone, why }) => tone === 'bad' && why !== '');
  const last = rows.at(-1);
  const lastMs = last?.endMs ?? 0;
  const hintWhy = hint === undefined ? '' : eventText(hint);
  if (failed !== undefined) {
    const why = hintWhy || fault?.why;
    return why
      ? { kind: 'bad', why }
      : { kind: 'bad', why: words.waterfall.failedAs(failed.name), isByStateOnly: true };
  }
  const reached = rows.findLastIndex(isGoal);
  const faultAt = fault === undefined ? -1 : rows.lastIndexOf(fault);
  const isOwnFault = fault?.key === 'failure report';
  if (reached > faultAt || (reached >= 0 && hasKernel(boot) && !isOwnFault)) return { kind: 'good', why: '' };
  if (fault !== undefined) return { kind: 'bad', why: hintWhy || fault.why };
  if (nowMs - lastMs < GOING_ON_MS) return { kind: 'going-on', why: '' };
  return { kind: 'stopped', why: last === undefined ? '' : words.waterfall.stopped(last.name) };
}

/**
 * What a boot is for: a decision after which nothing need follow, a report that the region
 * accepted, or a state that follows.
 */
const isGoal = ({ key, tone }: BootRow) =>
  key === 'config local' ||
  key === 'config poweroff' ||
  key.startsWith('config profile:') ||
  key === 'report' ||
  tone === 'state';

const hasKernel = (boot: readonly MachineEvent[]) =>
  boot.some((event) => LOADED.test(event.kind ?? '') && isKernel(getReportFields(event)));

/** The first step of a good boot that another boot lacks. */
export function firstMissing(good: readonly BootRow[], other: readonly BootRow[]): BootRow | undefined {
  const keys = new Set(other.map(({ key }) => key));
  return good.find(({ key, tone }) => !keys.has(key) && tone !== 'idle' && tone !== 'bad' && tone !== 'state');
}

/** The first and the last moment of a boot. */
export function spanOfBoot(rows: readonly BootRow[]): { readonly startMs: number; readonly spanMs: number } {
  const startMs = Math.min(...rows.map((row) => row.startMs));
  return { startMs, spanMs: Math.max(1, ...rows.map((row) => row.endMs - startMs)) };
}

function computeTicks(spanMs: number): readonly number[] {
  const step = TICK_STEPS_MS.find((stepMs) => spanMs / stepMs <= TICKS_MAX) ?? spanMs;
  return Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, index) => index * step);
}

/**
 * The rows under a line of time.
 * @param spanMs the time of the whole width: that of the longest of the boots that are compared
 * @param log the address of the full log
 */
export function renderWaterfall(rows: readonly BootRow[], spanMs: number, log: string): Html {
  const { startMs } = spanOfBoot(rows);
  const share = (ms: number) => Math.round(Math.min(100, Math.max(0, (ms / spanMs) * 100)) * 100) / 100;
  const ticks = computeTicks(spanMs);
  const lines = ticks.map((tick) => html`<line x1="${share(tick)}%" x2="${share(tick)}%" y1="0" y2="100%"></line>`);
  const isCut = rows.length > ROWS_MAX;
  const visible = isCut ? [...rows.slice(0, ROWS_MAX - LAST_ROWS), ...rows.slice(-LAST_ROWS)] : rows;
  const items = visible.map((row, index) => {
    const cut =
      isCut && index === ROWS_MAX - LAST_ROWS
        ? html`<li class="cut-rows small">${words.waterfall.cut(rows.length - ROWS_MAX)}</li>`
        : nothing;
    return html`${cut}${renderRow(row, startMs, share, lines, log)}`;
  });
  const labels = ticks.map(
    (tick, index) =>
      html`<text x="${share(tick)}%" y="12"${index === 0 ? nothing : html` text-anchor="${share(tick) > 96 ? 'end' : 'middle'}"`}>${index === 0 ? '0' : formatSpan(tick)}</text>`,
  );
  return html`
    <div class="sheet fall-sheet"><div class="fall-row axis" aria-hidden="true"><span></span><svg class="fall">${labels}</svg><span></span></div>
    <ol class="waterfall">${items}</ol></div>`;
}

function renderRow(
  row: BootRow,
  bootMs: number,
  share: (ms: number) => number,
  lines: readonly Html[],
  log: string,
): Html {
  const { eventId, name, tone, startMs, endMs, heardMs = startMs, times, why } = row;
  const offset = formatOffset(startMs - bootMs);
  const x = share(heardMs - bootMs);
  const width = Math.max(WIDTH_MIN, share(endMs - heardMs));
  const lead =
    heardMs === startMs
      ? nothing
      : html`<rect class="lead" x="${share(startMs - bootMs)}%" y="6" width="${share(heardMs - startMs)}%" height="6"></rect>`;
  const facts = describeBootRow(row).join(' · ');
  const count = times < 2 ? nothing : html` <span class="soft">×${times}</span>`;
  return html`
    <li class="fall-row${tone === 'bad' ? html` bad` : nothing}"><a class="fall-name" href="${log}?at=${eventId}#e${eventId}">${name}${count}</a>
    <svg class="fall" role="img" aria-label="${words.waterfall.bar(offset, formatSpan(endMs - startMs))}">${lines}${lead}
    <rect class="${tone}" x="${Math.min(x, 100 - WIDTH_MIN)}%" y="3" width="${width}%" height="12" rx="2"><title>+${offset}</title></rect></svg>
    <span class="fall-facts">${facts}</span>${why === '' ? nothing : html`<span class="fall-why">${why}</span>`}</li>`;
}

function describeBootRow({
  bytes,
  startMs,
  heardMs = startMs,
  endMs,
  notes,
  server,
  tone,
}: BootRow): readonly string[] {
  // The notes say how long the client had been asking before.
  const ms = endMs - heardMs;
  const isLoad = tone === 'file' && bytes !== undefined && ms > 0;
  return [
    bytes === undefined ? '' : formatSize(bytes),
    ms === 0 ? '' : formatSpan(ms),
    isLoad ? words.waterfall.rate(formatSize(Math.round((bytes * 1000) / ms))) : '',
    ...notes,
    tone === 'state' || tone === 'idle' ? '' : server,
  ].filter((text) => text !== '');
}
