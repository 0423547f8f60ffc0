// Translates reports that cloud-init, curtin and scripts send with a machine's key into the agent's
// signals (`life/signal.ts`). Pure.
//
// Sources: MAAS's metadata service (`op=signal`: status, error, exit_status); cloud-init,
// "Reporting" (webhook): event_type start or finish, name, description, result, origin; curtin
// reports `progress` too, and its stages as `cmd-install/stage-…`.
//
//   op=signal   OK                            OK
//               FAILED, TIMEDOUT              FAILED
//               WORKING and similar           WORKING
//   webhook     a stage begins or ends        WORKING, with the stage's own name
//               parts of a stage              only a sign of life
//               modules-final ends            OK installed: the installed system is up, and its user data has run or failed
//
// 1. Only the installed system's cloud-init can report that the system is up. An installing
//    environment reports under `curtin/`, where the same report does not mean that.
// 2. Failed user data is logged, and the machine still becomes Deployed: its system runs, and its
//    owner can log in and examine it.

import { z } from 'zod';
import type { Signal } from '../life/signal.ts';
import type { StageReport } from '../records/events.ts';
import { cleanWords } from '../records/text-json.ts';

export const SIGNAL_MEANINGS: Readonly<Record<string, Signal['status']>> = {
  OK: 'OK',
  FAILED: 'FAILED',
  TIMEDOUT: 'FAILED',
  WORKING: 'WORKING',
  COMMISSIONING: 'WORKING',
  TESTING: 'WORKING',
  INSTALLING: 'WORKING',
  APPLYING_NETCONF: 'WORKING',
};

const TEXT_MAX = 300;
const NAME_MAX = 128;
const LAST_STAGE = 'modules-final';
const INSTALLED = 'installed';

export function readSignal(fields: ReadonlyMap<string, readonly string[]>): Signal | undefined {
  const last = (name: string): string => fields.get(name)?.at(-1) ?? '';
  const word = last('status').toUpperCase();
  const status = Object.hasOwn(SIGNAL_MEANINGS, word) ? SIGNAL_MEANINGS[word] : undefined;
  if (status === undefined) return undefined;
  const exit = /^-?\d{1,5}$/.test(last('exit_status')) ? Number(last('exit_status')) : undefined;
  const script = last('name');
  return {
    status,
    stage: status === 'WORKING' ? word.toLowerCase() : '',
    message: cleanWords(last('error'), TEXT_MAX),
    ...(script === '' ? {} : { script: cleanWords(script, NAME_MAX) }),
    ...(exit === undefined || script === '' ? {} : { exitStatus: exit }),
  };
}

const webhook = z.object({
  event_type: z.string().max(32),
  name: z.string().max(1024),
  description: z.string().max(16_384).default(''),
  result: z.string().max(32).nullish(),
  origin: z.string().max(64).default(''),
});

export interface WebhookReport {
  readonly kind: 'start' | 'progress' | 'finish';
  /** A stage, `modules-final`, possibly followed by a slash and a part of it. */
  readonly name: string;
  readonly description: string;
  readonly result: string;
  readonly origin: string;
}

/** Reads a report from JSON; `undefined` if it is malformed. */
export function readWebhook(value: unknown): WebhookReport | undefined {
  const parsed = webhook.safeParse(value);
  if (!parsed.success) return undefined;
  const { event_type: kind, name, description, result, origin } = parsed.data;
  if (kind !== 'start' && kind !== 'progress' && kind !== 'finish') return undefined;
  return {
    kind,
    name: cleanWords(name, NAME_MAX),
    description: cleanWords(description, TEXT_MAX),
    result: cleanWords(result ?? '', 16).toUpperCase(),
    origin: cleanWords(origin, NAME_MAX),
  };
}

interface ReportMeaning {
  /** `undefined` for a mere sign of life. */
  readonly signal: Signal | undefined;
  readonly isFailure: boolean;
  readonly isUp: boolean;
  readonly stageReport: StageReport;
}

export function interpretReport(report: WebhookReport, isInstalling: boolean): ReportMeaning {
  const { kind, name, description, result } = report;
  const isFailure = kind === 'finish' && (result === 'FAIL' || result === 'FAILURE');
  const isUp = !isInstalling && kind === 'finish' && name === LAST_STAGE;
  const stageReport: StageReport = { name, isEnd: kind === 'finish', result, said: description };
  const reported = { message: '', report: stageReport };
  const base = { isFailure, isUp, stageReport };
  if (isUp) return { ...base, signal: { status: 'OK', stage: INSTALLED, ...reported, isOfStart: true } };
  const stage = parseStage(name);
  if (stage === undefined || kind === 'progress') return { ...base, signal: undefined };
  // The whole curtin installation has failed; no report follows.
  if (isFailure && isInstalling && name === 'cmd-install')
    return { ...base, signal: { status: 'FAILED', stage, ...reported } };
  return { ...base, signal: { status: 'WORKING', stage, ...reported, isOfStart: !isInstalling } };
}

/**
 * The stage in a name, or `undefined` for a part of a stage. cloud-init's stages have no slash,
 * curtin's have one.
 */
function parseStage(name: string): string | undefined {
  const [first = '', second, ...rest] = name.split('/');
  if (rest.length > 0) return undefined;
  if (second === undefined) return first;
  return second.startsWith('stage-') ? second.slice('stage-'.length) : undefined;
}
