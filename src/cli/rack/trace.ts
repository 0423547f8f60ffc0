// `rackboot trace MACHINE`: what one machine did, step by step, boot by boot, and what it waits for now.
//
//   12:01:33.120   +0.000 s  dhcp.offer               Offered 10.20.0.100 (new) and …
//
// 1. Steps since the daemon started come from its timeline, older ones and those of other racks
//    from the region's log, each once (`logged-steps.ts`).
// 2. Text from a machine is printed without its control characters.

import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { askDaemon, followDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { formatBytes, formatSpan } from '../../ground/quantity.ts';
import { waitsForHand } from '../machines/progress.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { parseDuration } from '../terminal/duration.ts';
import { formatLocalTime, print, printError, printJson, printJsonLine, tableText } from '../terminal/output.ts';
import { askThere, otherRacks, ownRackName } from './home-racks.ts';
import { formatHeading, loggedEventShape, loggedSteps, type Step, stepShape } from './logged-steps.ts';

const traceShape = z.looseObject({
  mac: z.string(),
  heardBy: z.string().optional(),
  address: z.string().optional(),
  machine: z
    .object({ systemId: z.string(), hostname: z.string(), domain: z.string(), status: z.string(), purpose: z.string() })
    .optional(),
  missed: z.number(),
  firstReportedMs: z.number().optional(),
  startedMs: z.number().optional(),
  steps: z.array(stepShape),
  waiting: z.string(),
});
interface Trace extends z.infer<typeof traceShape> {
  /** The machine's home racks, if this rack is not among them. */
  readonly home: readonly string[];
}

const messageShape = z.looseObject({ status_message_code: z.string().optional() });
const HAND_WAIT = 'a person to switch it on';

/** One further step of a machine. */
export const stepFeedShape = z.object({ mac: z.string(), step: stepShape, missed: z.number() });

const feedShape = z.union([z.object({ trace: traceShape }), stepFeedShape]);

const eventsShape = z.object({ events: z.array(loggedEventShape) });

/** Steps fetched from the region. */
const OLDER_MAX = 200;

interface TraceRequest {
  readonly config: string;
  readonly machine: string;
  readonly follow: boolean;
  readonly json: boolean;
  /** `90s`, `10m`, `2h`, `1d`: only steps of that last time. */
  readonly since: string | undefined;
}

/** @throws RackError `not-found` with similar names */
export async function traceMachine(request: TraceRequest): Promise<number> {
  const { stateDir } = loadStateDir(request.config);
  const oldestMs =
    request.since === undefined ? 0 : systemClock.wallTimeMs() - parseDuration(request.since, '--since') * 1000;
  const query = `machine=${encodeURIComponent(request.machine)}`;
  if (request.follow) {
    return await followTrace(stateDir, query, request.json, oldestMs);
  }
  const trace = await askTrace(stateDir, query);
  const older = await askOlder(stateDir, trace);
  const steps = [...older.steps, ...trace.steps].filter(({ lastAt }) => Date.parse(lastAt) >= oldestMs);
  if (request.json) {
    printJson({ ...trace, steps });
    return 0;
  }
  printHead(trace);
  const printer = new StepPrinter(trace.home.length > 0);
  for (const step of steps) printer.print(step);
  if (steps.length === 0) print('  no steps yet');
  if (trace.missed > 0)
    print(
      `Events arrived too fast for the timeline: ${counted(trace.missed, 'step is', 'steps are')} missing somewhere.`,
    );
  if (older.note !== '') print(`Older steps, and those of other racks, are not shown: ${older.note}`);
  print(lastLine(trace));
  return 0;
}

/** What the machine waits for, or the rack to ask. */
const lastLine = ({ home, waiting }: Pick<Trace, 'home' | 'waiting'>): string =>
  home.length > 0 && waiting !== HAND_WAIT ? askThere(home, 'trace') : `Waiting for ${waiting}.`;

/**
 * Asks the rack for the trace; the region adds the home racks, and whether the machine waits for a
 * person.
 */
async function askTrace(stateDir: string, query: string): Promise<Trace> {
  const trace = { ...traceShape.parse(await askDaemon(stateDir, `/trace?${query}`)), home: [] };
  const { machine } = trace;
  if (machine === undefined) return trace;
  try {
    const machineJson = await askDaemon(stateDir, `${MACHINES_PATH}${machine.systemId}/`);
    const home = otherRacks(machineJson, await ownRackName(stateDir));
    return waitsForHand(messageShape.parse(machineJson)) ? { ...trace, home, waiting: HAND_WAIT } : { ...trace, home };
  } catch (error) {
    // The rack's own knowledge.
    if (error instanceof RackError) return trace;
    throw error;
  }
}

/** @returns 0 if the user ended it, 1 if the daemon ended */
async function followTrace(stateDir: string, query: string, json: boolean, oldestMs: number): Promise<number> {
  const { home, waiting } = await askTrace(stateDir, query);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  const printer = new StepPrinter(home.length > 0);
  const onLine = (value: unknown): void => {
    const part = feedShape.parse(value);
    const steps = 'trace' in part ? part.trace.steps : [part.step];
    const recent = steps.filter(({ lastAt }) => Date.parse(lastAt) >= oldestMs);
    if (json) {
      for (const step of recent) printJsonLine(step);
      return;
    }
    if ('trace' in part) printHead(part.trace);
    else if (part.missed > 0)
      print(`  … ${counted(part.missed, 'step was', 'steps were')} not shown: this terminal is too slow`);
    for (const step of recent) printer.print(step);
    if ('trace' in part) print(`${lastLine({ home, waiting })} Ctrl-C ends.`);
  };
  try {
    await followDaemon(stateDir, `/trace/follow?${query}&follow=yes`, onLine, stop.signal);
  } finally {
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
  }
  if (stop.signal.aborted) return 0;
  printError('rackboot: the daemon ended');
  return 1;
}

const seenShape = z.array(z.object({ mac: z.string(), machine: z.string().optional(), step: stepShape }));

/** Prints the machines heard since the daemon started, latest first. */
export async function listSeen(where: Where): Promise<number> {
  const raw = await askRegion(where, '/seen');
  const rows = seenShape
    .parse(raw)
    .map(({ mac, machine, step }) => [
      mac,
      machine ?? '(not enlisted)',
      step.lastAt,
      cleanText(step.text, STEP_CHARACTERS_MAX),
    ]);
  const empty = 'No machine heard since the rack started: is yours on a network that this rack serves?';
  return printAnswer(where, raw, tableText(['MAC', 'MACHINE', 'LAST HEARD', 'WHAT'], rows, empty));
}

/** Asks the region for steps from before the daemon started, and from other racks. */
async function askOlder(stateDir: string, trace: Trace): Promise<{ readonly steps: readonly Step[]; note: string }> {
  const path = `/MAAS/api/2.0/events/?op=query&level=DEBUG&limit=${OLDER_MAX}&mac_address=${encodeURIComponent(trace.mac)}`;
  try {
    const { events } = eventsShape.parse(await askDaemon(stateDir, path));
    return {
      steps: loggedSteps(events, await ownRackName(stateDir), trace.firstReportedMs, trace.startedMs),
      note: '',
    };
  } catch (error) {
    return { steps: [], note: `the region did not answer (${errorText(error)})` };
  }
}

function printHead({ mac, heardBy, address, machine }: z.infer<typeof traceShape>): void {
  const name =
    machine === undefined
      ? 'not enlisted'
      : `${machine.hostname}.${machine.domain} (${machine.systemId}), ${machine.status}`;
  print(`${mac}  ${name}${address === undefined ? '' : `, ${address}`}`);
  if (heardBy !== undefined)
    print(`Nothing heard from this card since the rack started; these are the steps of ${heardBy}.`);
}

const SIZE_WIDTH = 10;
const SPAN_WIDTH = 9;
const KIND_WIDTH = 16;
/** A step that repeats faster gets no line each time: a disc is read in thousands of parts. */
const REPEATED_MS = 1000;

/** Prints steps under their boot, with the time since that began. */
export class StepPrinter {
  #head = '';
  #startedMs = 0;
  #number = 0;
  #lastMs = 0;
  readonly #isElsewhere: boolean;

  /** @param isElsewhere the machine's home is another rack */
  constructor(isElsewhere: boolean) {
    this.#isElsewhere = isElsewhere;
  }

  print(step: Step): void {
    const atMs = Date.parse(step.at);
    const lastMs = Date.parse(step.lastAt);
    if (step.times > 1 && step.number === this.#number && lastMs - this.#lastMs < REPEATED_MS) return;
    this.#number = step.number;
    this.#lastMs = lastMs;
    const head = formatHeading(step, this.#isElsewhere);
    if (head !== this.#head) {
      this.#head = head;
      this.#startedMs = atMs;
      print(`${head}, ${step.at}`);
    }
    const offset = `+${((atMs - this.#startedMs) / 1000).toFixed(3)} s`;
    const { bytes, milliseconds } = step.fields;
    const size = typeof bytes === 'number' ? formatBytes(bytes) : '';
    const span = typeof milliseconds === 'number' ? formatSpan(milliseconds) : '';
    const times = step.times < 2 ? '' : ` (${counted(step.times, 'time')}, last at ${formatTime(step.lastAt)})`;
    const line = [
      ' ',
      formatTime(step.at),
      offset.padStart(13),
      step.kind.padEnd(KIND_WIDTH),
      size.padStart(SIZE_WIDTH),
      span.padStart(SPAN_WIDTH),
      `${step.level === 'warning' || step.level === 'error' ? '! ' : '  '}${cleanText(step.text, STEP_CHARACTERS_MAX)}${times}`,
    ].join(' ');
    print(line, line.includes(' ! ') ? 'yellow' : undefined);
  }
}

/** Characters of a step that are shown. */
const STEP_CHARACTERS_MAX = 2048;

/** Local time of day; the heading of a boot has the offset. */
function formatTime(iso: string): string {
  const atMs = Date.parse(iso);
  return formatLocalTime(atMs, String(atMs % 1000).padStart(3, '0')).slice(
    'YYYY-MM-DD '.length,
    'YYYY-MM-DD hh:mm:ss.sss'.length,
  );
}
