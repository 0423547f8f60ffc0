// What a machine tells of its work, and what that makes of it. Pure.
//
// Source: the signals of MAAS's metadata service (OK, FAILED, WORKING), in which a repeat is harmless.
//
//   state                     WORKING             OK                                    FAILED
//   Commissioning             goes on             Ready                                 Failed commissioning
//   Deploying, not written    goes on             stage=written: network boot off       Failed deployment
//   Deploying, written        goes on             stage=installed: Deployed             Failed deployment
//   Disk erasing              goes on             released                              Failed disk erasing
//   Releasing                 goes on             Ready                                 Releasing failed
//   Entering rescue mode      Rescue mode         Rescue mode                           Failed to enter rescue mode
//   Rescue mode               goes on             goes on                               goes on
//
// 1. Every signal is a sign of life: the time that the state may last begins again.
// 2. What a machine says is text of a stranger: cleaned and cut before it is kept.

import type { Clock } from '../clock.ts';
import { type MachineStatus, statusRow } from './lifecycle.ts';
import type { Machine } from './machine.ts';
import type { NewMachineEvent } from './machine-event.ts';
import { type Change, deadlineOf, enterStatuses } from './status-change.ts';
import { cleanText } from './text-json.ts';

export const SIGNAL_STATUSES = ['WORKING', 'OK', 'FAILED'] as const;

/** One signal, as it came. */
export interface Signal {
  readonly status: (typeof SIGNAL_STATUSES)[number];
  /** A short word: `partitioning`, `written`. */
  readonly stage: string;
  readonly message: string;
  readonly doneBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  /** A script that ended, how, and what it said. */
  readonly script?: string | undefined;
  readonly exitStatus?: number | undefined;
  readonly output?: string | undefined;
}

const STAGE_MAX = 32;
const MESSAGE_MAX = 300;
/** Of the end of a script's output, that the event shows. */
const OUTPUT_SHOWN_MAX = 160;

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
  const change = enterStatuses(machine, path, { atMs, clock, username: '', message, work: undefined });
  const powerTask = switches && (last === 'ready' || last === 'releasing') ? ('off' as const) : undefined;
  return { ...change, fields: { ...change.fields, powerTask }, events: [...told.events, ...change.events] };
}

/** What an operator reads of a signal. */
function textOf({ stage, message, script, exitStatus, output }: Signal): string {
  const shown = cleanText((output ?? '').slice(-OUTPUT_SHOWN_MAX), OUTPUT_SHOWN_MAX);
  const parts = [
    cleanText(message, MESSAGE_MAX),
    script === undefined ? '' : `${cleanText(script, STAGE_MAX * 2)} ended with ${exitStatus ?? 'no status'}`,
    shown === '' ? '' : `it said: ${shown}`,
  ].filter((part) => part !== '');
  const word = cleanText(stage, STAGE_MAX);
  return `${word === '' ? '' : `${word}${parts.length === 0 ? '' : ': '}`}${parts.join('; ')}`;
}

/** The sign of life itself: how far the work is, and more time for it. */
function progress(machine: Machine, signal: Signal, atMs: number): Change {
  const stage = cleanText(signal.stage, STAGE_MAX);
  const message = cleanText(signal.message, MESSAGE_MAX);
  const { work } = machine;
  const isWritten = machine.status === 'deploying' && signal.status === 'OK' && stage === WRITTEN && machine.netboot;
  const isNews = isWritten || signal.status !== 'WORKING' || stage !== work?.stage || message !== work?.message;
  const type = isWritten
    ? 'NODE_DISK_WRITTEN'
    : machine.status === 'deploying'
      ? 'NODE_INSTALL_EVENT'
      : 'NODE_COMMISSIONING_EVENT';
  const level = signal.status === 'FAILED' ? 'error' : undefined;
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
        work === undefined
          ? undefined
          : { ...work, ...bytesOf(signal, work), waitsForBoot: false, stage, message, toldMs: atMs },
    },
    events,
  };
}

/** How far it is; a signal that does not say so leaves what was said before. */
function bytesOf({ doneBytes, totalBytes }: Signal, before: NonNullable<Machine['work']>) {
  return { doneBytes: doneBytes ?? before.doneBytes, totalBytes: totalBytes ?? before.totalBytes };
}

/** The states that a machine enters by a signal; none: it stays. */
function pathOf(machine: Machine, signal: Signal, switches: boolean): readonly MachineStatus[] {
  const { status } = machine;
  if (status === 'rescue-mode') return [];
  if (status === 'entering-rescue-mode' && signal.status !== 'FAILED') return ['rescue-mode'];
  const { failed } = statusRow(status);
  if (signal.status === 'FAILED') return failed === undefined ? [] : [failed];
  if (signal.status === 'WORKING') return [];
  switch (status) {
    case 'commissioning':
      return ['ready'];
    case 'deploying':
      return !machine.netboot && cleanText(signal.stage, STAGE_MAX) === INSTALLED ? ['deployed'] : [];
    case 'disk-erasing':
      return switches ? ['releasing'] : ['releasing', 'ready'];
    case 'releasing':
      return ['ready'];
    default:
      return [];
  }
}
