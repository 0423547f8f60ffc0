// What cloud-init, curtin and scripts tell of a machine by its own key, as the signals of the agent (`life/signal.ts`). Pure.
//
// Sources: MAAS's metadata service (`op=signal`: status, error, exit_status); cloud-init, "Reporting" (webhook): event_type start or
// finish, name, description, result, origin; curtin reports `progress` too, and its stages as `cmd-install/stage-…`.
//
//   op=signal   OK                            as it is
//               FAILED, TIMEDOUT              FAILED
//               WORKING and what is like it   WORKING
//   webhook     a stage begins or ends        WORKING, the stage by its own name
//               what is inside of a stage     no more than a sign of life
//               modules-final ends            OK installed: the installed system is up, with what was asked of it done or failed
//
// 1. Only a report of the installed system's cloud-init says that it is up: an environment that installs reports under `curtin/`, where
//    the same words say no such thing.
// 2. That its user data failed is told, and the machine is Deployed all the same: its system runs, and its owner can log in and look.

import { z } from 'zod';
import type { Signal } from '../life/signal.ts';
import { cleanWords } from '../records/text-json.ts';

/** Statuses of `op=signal` by what they mean. */
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
/** The last of cloud-init's stages at the start of a system. */
const LAST_STAGE = 'modules-final';
/** What a stage is called when the disk was written and its own system speaks. */
const INSTALLED = 'installed';

/** A status of `op=signal` with what else it says; undefined: there is no such status. */
export function readSignal(fields: ReadonlyMap<string, readonly string[]>): Signal | undefined {
  const last = (name: string): string => fields.get(name)?.at(-1) ?? '';
  const given = last('status').toUpperCase();
  const status = Object.hasOwn(SIGNAL_MEANINGS, given) ? SIGNAL_MEANINGS[given] : undefined;
  if (status === undefined) return undefined;
  const exit = /^-?\d{1,5}$/.test(last('exit_status')) ? Number(last('exit_status')) : undefined;
  const script = last('name');
  return {
    status,
    stage: status === 'WORKING' ? given.toLowerCase() : '',
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

/** One report of a webhook. */
export interface WebhookReport {
  readonly kind: 'start' | 'progress' | 'finish';
  /** `modules-final`, or with what is inside of it behind a slash. */
  readonly name: string;
  readonly description: string;
  /** In capitals; empty: it says none. */
  readonly result: string;
  /** `cloudinit`, `curtin`. */
  readonly origin: string;
}

/** Reads a report that came as JSON; undefined: it is none. */
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

/** What a report says. */
export interface ReportMeaning {
  /** Undefined: it is only a sign of life. */
  readonly signal: Signal | undefined;
  /** It tells of something that failed. */
  readonly isFailure: boolean;
  /** The system's start has ended. */
  readonly isUp: boolean;
  /** For people. */
  readonly text: string;
}

/** @param isInstalling it came under `curtin/` */
export function meaningOf(report: WebhookReport, isInstalling: boolean): ReportMeaning {
  const { kind, name, description, result } = report;
  const isFailure = kind === 'finish' && (result === 'FAIL' || result === 'FAILURE');
  const isUp = !isInstalling && kind === 'finish' && name === LAST_STAGE;
  const end = kind === 'finish' ? ` ended${result === '' ? '' : ` (${result})`}` : ' begins';
  const text = `${name}${end}${description === '' || description === name ? '' : `: ${description}`}`;
  const base = { isFailure, isUp, text };
  if (isUp) return { ...base, signal: { status: 'OK', stage: INSTALLED, message: text, isOfStart: true } };
  const stage = stageOf(name);
  if (stage === undefined || kind === 'progress') return { ...base, signal: undefined };
  // curtin's installation as a whole has failed, and nothing comes after it.
  if (isFailure && isInstalling && name === 'cmd-install')
    return { ...base, signal: { status: 'FAILED', stage, message: text } };
  return { ...base, signal: { status: 'WORKING', stage, message: text, isOfStart: !isInstalling } };
}

/** The stage of a name that is one, and not a part of one: cloud-init's have no slash, curtin's one. */
function stageOf(name: string): string | undefined {
  const [first = '', second, ...rest] = name.split('/');
  if (rest.length > 0) return undefined;
  if (second === undefined) return first;
  return second.startsWith('stage-') ? second.slice('stage-'.length) : undefined;
}
