// What a machine tells of its work, and what that makes of it. Pure.
//
// Source: the signals of MAAS's metadata service (OK, FAILED, WORKING), in which a repeat is harmless.
//
//   state                     WORKING             OK                                    FAILED
//   Commissioning             goes on             Ready                                 Failed commissioning
//   Testing                   goes on             where it was before                   Failed testing
//   Deploying, not written    goes on             stage=written: network boot off       Failed deployment
//   Deploying, written        goes on             stage=installed: Deployed             Failed deployment
//   Disk erasing              goes on             released                              Failed disk erasing
//   Releasing                 goes on             Ready                                 Releasing failed
//   Entering rescue mode      goes on             Rescue mode                           Failed to enter rescue mode
//   Rescue mode               goes on             goes on                               goes on
//   Exiting rescue mode       goes on             stage=left: where it was              Failed to exit rescue mode
//
// 1. Every signal is a sign of life: the time that the state may last begins again.
// 2. What a machine says is text of a stranger: cleaned and cut before it is kept.

import type { Clock } from '../../clock.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineEventLevel, MachineEventType, NewMachineEvent } from '../records/machine-event.ts';
import { cleanWords } from '../records/text-json.ts';
import type { ScriptNews } from '../scripts/script-run.ts';
import { restingStatus } from './commands.ts';
import { parseHostKey } from './logins.ts';
import { lastingTask } from './state-power.ts';
import { afterTesting, type Change, deadlineOf, enterStatuses } from './status-change.ts';

export const SIGNAL_STATUSES = ['WORKING', 'OK', 'FAILED'] as const;

/** One signal, as it came. */
export interface Signal {
  readonly status: (typeof SIGNAL_STATUSES)[number];
  /** A short word: `partitioning`, `written`. */
  readonly stage: string;
  readonly message: string;
  /** A stage in which the installed system starts, and no step of the installation. */
  readonly isOfStart?: boolean | undefined;
  readonly doneBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  /** A script that ended, how, and what it said. */
  readonly script?: string | undefined;
  readonly exitStatus?: number | undefined;
  readonly output?: string | undefined;
  /** Fingerprint of the host key by which people know the machine that they log in to. */
  readonly hostKey?: string | undefined;
  /** The same of a script that the region knows by its id; `machine-scripts.ts` keeps it. */
  readonly news?: ScriptNews | undefined;
}

const STAGE_MAX = 32;
const MESSAGE_MAX = 300;
/** Of the end of a script's output, that the event shows. */
const OUTPUT_SHOWN_MAX = 160;

/** The machine leaves its rescue. */
const LEFT = 'left';
/** The disk is written: from then on the machine starts it. */
const WRITTEN = 'written';
/** The installed system itself speaks. */
const INSTALLED = 'installed';

/** What a signal makes of a machine that is at work. @param switches its power can be switched by us */
export function decideSignal(machine: Machine, signal: Signal, atMs: number, clock: Clock, switches: boolean): Change {
  const told = progress(machine, signal, atMs);
  const path = pathOf(machine, signal, switches);
  if (path.length === 0) return told;
  const message = signal.status === 'FAILED' ? textOf(signal) || 'it failed, and did not say why' : undefined;
  const last = path.at(-1) ?? machine.status;
  // Who asked for a rescue, and how people log in, is needed while it lasts.
  const work = last === 'rescue-mode' ? told.fields.work : undefined;
  const change = enterStatuses(machine, path, { atMs, clock, username: '', message, work });
  const isDone = last === 'ready' || last === 'releasing' || (machine.status === 'testing' && signal.status === 'OK');
  const power =
    switches && isDone
      ? { powerTask: 'off' as const }
      : lastingTask(machine) === undefined
        ? { powerTask: undefined }
        : {};
  return { ...change, fields: { ...change.fields, ...power }, events: [...told.events, ...change.events] };
}

/** What an operator reads of a signal. */
function textOf({ stage, message, script, exitStatus, output }: Signal): string {
  const shown = cleanWords((output ?? '').slice(-OUTPUT_SHOWN_MAX), OUTPUT_SHOWN_MAX);
  const said = cleanWords(message, MESSAGE_MAX);
  const parts = [said, scriptText(script, exitStatus, said), shown === '' ? '' : `it said: ${shown}`];
  const rest = parts.filter((part) => part !== '').join('; ');
  const word = cleanWords(stage, STAGE_MAX);
  // Commissioning runs scripts in a stage called testing, and is no test; other words may say again what the stage is called.
  const isSaid = /^test(?:ing|ed)$/.test(word) || rest.toLowerCase().includes(word.toLowerCase());
  return rest === '' ? word : isSaid ? rest : `${word}: ${rest}`;
}

/** How a script stands, unless the machine's own words say so. */
function scriptText(script: string | undefined, exitStatus: number | undefined, said: string): string {
  if (script === undefined) return '';
  const name = cleanWords(script, STAGE_MAX * 2);
  if (exitStatus === undefined) return said === '' ? `running script ${name}` : '';
  if (exitStatus !== 0) return `script ${name} ended with ${exitStatus}`;
  return said.startsWith(name) ? '' : `script ${name} passed`;
}

/** The type under which the words of a machine's work are shown, by its state. */
const SIGNAL_TYPES: Readonly<Partial<Record<MachineStatus, MachineEventType>>> = {
  deploying: 'NODE_INSTALL_EVENT',
  testing: 'NODE_TESTING_EVENT',
  'disk-erasing': 'NODE_ERASING_EVENT',
  'entering-rescue-mode': 'NODE_RESCUE_EVENT',
  'rescue-mode': 'NODE_RESCUE_EVENT',
  'exiting-rescue-mode': 'NODE_RESCUE_EVENT',
};

function typeOf(status: MachineStatus, { isOfStart }: Signal): MachineEventType {
  return isOfStart === true ? 'NODE_STATUS_EVENT' : (SIGNAL_TYPES[status] ?? 'NODE_COMMISSIONING_EVENT');
}

/** Undefined: nothing is wrong. */
const levelOf = ({ status, exitStatus }: Signal): MachineEventLevel | undefined =>
  status === 'FAILED' ? 'error' : (exitStatus ?? 0) === 0 ? undefined : 'warning';

/** It runs, and what it did before it said so is past. */
const HEARD = { waitsForBoot: false, boots: undefined, bootMs: undefined };

/** The sign of life itself: how far the work is, and more time for it. */
function progress(machine: Machine, signal: Signal, atMs: number): Change {
  const stage = cleanWords(signal.stage, STAGE_MAX);
  const message = cleanWords(signal.message, MESSAGE_MAX);
  const { work } = machine;
  const isWritten = machine.status === 'deploying' && signal.status === 'OK' && stage === WRITTEN && machine.netboot;
  const isNews = isWritten || signal.status !== 'WORKING' || stage !== work?.stage || message !== work?.message;
  const type = isWritten ? 'NODE_DISK_WRITTEN' : typeOf(machine.status, signal);
  // The first word of a stage is a step of an installation; those that follow say how far it is.
  const isProgress = type === 'NODE_INSTALL_EVENT' && (stage === work?.stage || stage.includes('/'));
  const level = levelOf(signal) ?? (isProgress ? 'debug' : undefined);
  const description = isWritten ? 'the disk is written: from now on it starts its own disk' : textOf(signal);
  const events: NewMachineEvent[] =
    isNews && description !== '' ? [{ type, level, description, atMs, username: '' }] : [];
  return {
    kind: 'change',
    fields: {
      statusDeadlineMs: deadlineOf(machine.status, atMs),
      statusMessage: work?.waitsForBoot === true ? '' : machine.statusMessage,
      ...(isWritten ? { netboot: false } : {}),
      work:
        work === undefined ? undefined : { ...work, ...factsOf(signal, work), ...HEARD, stage, message, toldMs: atMs },
    },
    events,
  };
}

/** How far it is, and how people log in; a signal that does not say so leaves what was said before. */
function factsOf({ doneBytes, totalBytes, hostKey }: Signal, before: NonNullable<Machine['work']>) {
  return {
    doneBytes: doneBytes ?? before.doneBytes,
    totalBytes: totalBytes ?? before.totalBytes,
    hostKey: parseHostKey(hostKey) ?? before.hostKey,
  };
}

/** The states that a machine enters by a signal; none: it stays. */
function pathOf(machine: Machine, signal: Signal, switches: boolean): readonly MachineStatus[] {
  const { status } = machine;
  if (status === 'rescue-mode') return [];
  const { failed } = statusRow(status);
  if (signal.status === 'FAILED') return failed === undefined ? [] : [failed];
  if (signal.status === 'WORKING') return [];
  switch (status) {
    case 'commissioning':
      return ['ready'];
    case 'testing':
      return [afterTesting(machine)];
    case 'deploying':
      return !machine.netboot && cleanWords(signal.stage, STAGE_MAX) === INSTALLED ? ['deployed'] : [];
    case 'disk-erasing':
      // Before it is switched the system of whoever held it runs there, and could say so too: it is switched first.
      if (machine.powerTask === 'cycle') return [];
      return switches ? ['releasing'] : ['releasing', 'ready'];
    case 'releasing':
      return ['ready'];
    case 'entering-rescue-mode':
      return ['rescue-mode'];
    case 'exiting-rescue-mode':
      // Not by a word from before it was told to leave.
      return cleanWords(signal.stage, STAGE_MAX) === LEFT ? [restingStatus(machine)] : [];
    default:
      return [];
  }
}
