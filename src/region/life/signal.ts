//
// The changes that a machine's reports about its work cause. Source: the signals of MAAS's metadata
// service. A machine may repeat them without harm.
//
//   state                     WORKING             OK                                    FAILED
//   Commissioning             continues           Ready                                 Failed commissioning
//   Testing                   continues           the state before                      Failed testing
//   Deploying, not written    continues           stage=written: network boot off       Failed deployment
//   Deploying, written        continues           stage=installed: Deployed             Failed deployment
//   Disk erasing              continues           released                              Failed disk erasing
//   Releasing                 continues           Ready                                 Releasing failed
//   Entering rescue mode      continues           Rescue mode                           Failed to enter rescue mode
//   Rescue mode               continues           continues                             continues
//   Exiting rescue mode       continues           stage=left: the state before          Failed to exit rescue mode
//
// 1. Every signal is a sign of life and restarts the state's time limit.
// 2. A machine's text is untrusted: it is cleaned and cut before it is stored.

import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../ground/clock.ts';
import { hashSha256 } from '../records/digest.ts';
import type { Happening, Remark, SignalParams, StageReport, WorkFault } from '../records/events.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineEventLevel, MachineEventType, NewMachineEvent } from '../records/machine-event.ts';
import { cleanWords } from '../records/text-json.ts';
import { WRITTEN_STAGE } from '../records/work.ts';
import type { ScriptNews } from '../scripts/script-run.ts';
import { restingStatus } from './command-effects.ts';
import { parseHostKey } from './logins.ts';
import { lastingTask } from './state-power.ts';
import { afterTesting, type Change, computeDeadlineMs, enterStatuses } from './status-change.ts';

export const SIGNAL_STATUSES = ['WORKING', 'OK', 'FAILED'] as const;

export interface Signal {
  readonly status: (typeof SIGNAL_STATUSES)[number];
  readonly stage: string;
  /** Empty: none. */
  readonly message: string;
  /** Of cloud-init or curtin; replaces `message`. */
  readonly report?: StageReport | undefined;
  /** Found by the region; replaces both. */
  readonly fault?: WorkFault | undefined;
  /** True in the start of the installed system, false during the installation. */
  readonly isOfStart?: boolean | undefined;
  readonly doneBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  readonly script?: string | undefined;
  readonly exitStatus?: number | undefined;
  readonly output?: string | undefined;
  /** A fingerprint, with which people verify the machine when they log in. */
  readonly hostKey?: string | undefined;
  /** `machine-scripts.ts` stores it. */
  readonly news?: ScriptNews | undefined;
}

const STAGE_MAX = 32;
const MESSAGE_MAX = 300;
const OUTPUT_SHOWN_MAX = 160;

/** The stage of a machine that leaves its rescue. */
const LEFT = 'left';
/** The machine boots its disk from now on. */
const INSTALLED = 'installed';

/** @param switches whether Rackboot can switch its power */
export function decideSignal(
  machine: Machine,
  signal: Signal,
  atMs: number,
  clock: Clock,
  switchesOff: boolean,
): Change {
  const progress = buildProgressChange(machine, signal, atMs);
  const path = chooseSignalPath(machine, signal, switchesOff);
  if (path.length === 0) return progress;
  const params = pickSignalParams(signal);
  const remark: Remark = isSilent(params) ? { code: 'failed-without-reason', params: {} } : { code: 'signal', params };
  const reason = signal.status === 'FAILED' ? remark : undefined;
  const last = path.at(-1) ?? machine.status;
  // Rescue mode keeps the work, because it contains the requester and the host key.
  const work = last === 'rescue-mode' ? progress.fields.work : undefined;
  const change = enterStatuses(machine, path, { atMs, clock, username: '', reason, work });
  const isDone = last === 'ready' || last === 'releasing' || (machine.status === 'testing' && signal.status === 'OK');
  const power =
    switchesOff && isDone
      ? { powerTask: 'off' as const }
      : lastingTask(machine) === undefined
        ? { powerTask: undefined }
        : {};
  const isOver = machine.bootToken !== undefined && change.fields.bootToken !== machine.bootToken;
  const ended = isOver ? { endedDigest: hashSha256(machine.bootToken) } : {};
  return {
    ...change,
    fields: { ...change.fields, ...ended, ...power },
    events: [...progress.events, ...change.events],
  };
}

function pickSignalParams({ stage, message, report, fault, script, exitStatus, output = '' }: Signal): SignalParams {
  return {
    stage: cleanWords(stage, STAGE_MAX),
    message: report === undefined ? cleanWords(message, MESSAGE_MAX) : '',
    ...(report === undefined ? {} : { report }),
    ...(fault === undefined ? {} : { fault }),
    ...(script === undefined ? {} : { script: cleanWords(script, STAGE_MAX * 2) }),
    ...(exitStatus === undefined ? {} : { exitStatus }),
    output: cleanWords(output.slice(-OUTPUT_SHOWN_MAX), OUTPUT_SHOWN_MAX),
  };
}

const isSilent = ({ stage, message, report, fault, script, output }: SignalParams): boolean =>
  [report, fault, script].every((part) => part === undefined) && [stage, message, output].every((text) => text === '');

const SIGNAL_TYPES: Readonly<Partial<Record<MachineStatus, MachineEventType>>> = {
  deploying: 'NODE_INSTALL_EVENT',
  testing: 'NODE_TESTING_EVENT',
  'disk-erasing': 'NODE_ERASING_EVENT',
  'entering-rescue-mode': 'NODE_RESCUE_EVENT',
  'rescue-mode': 'NODE_RESCUE_EVENT',
  'exiting-rescue-mode': 'NODE_RESCUE_EVENT',
};

function chooseEventType(status: MachineStatus, { isOfStart }: Signal): MachineEventType {
  return isOfStart === true ? 'NODE_STATUS_EVENT' : (SIGNAL_TYPES[status] ?? 'NODE_COMMISSIONING_EVENT');
}

const chooseEventLevel = ({ status, exitStatus }: Signal): MachineEventLevel | undefined =>
  status === 'FAILED' ? 'error' : (exitStatus ?? 0) === 0 ? undefined : 'warning';

/** The machine runs, so its earlier boots no longer count. */
const HEARD = { waitsForBoot: false, boots: undefined, bootMs: undefined };

function buildProgressChange(machine: Machine, signal: Signal, atMs: number): Change {
  const stage = cleanWords(signal.stage, STAGE_MAX);
  const { report } = signal;
  const message = cleanWords(signal.message, MESSAGE_MAX);
  const { work } = machine;
  const isWritten =
    machine.status === 'deploying' && signal.status === 'OK' && stage === WRITTEN_STAGE && machine.netboot;
  const isSame = stage === work?.stage && message === work?.message && isDeepStrictEqual(report, work?.report);
  const isNews = isWritten || signal.status !== 'WORKING' || !isSame;
  const type = isWritten ? 'NODE_DISK_WRITTEN' : chooseEventType(machine.status, signal);
  // The first signal of a stage is an installation step; later ones show its progress.
  const isProgress = type === 'NODE_INSTALL_EVENT' && (stage === work?.stage || stage.includes('/'));
  const level = chooseEventLevel(signal) ?? (isProgress ? 'debug' : undefined);
  const params = pickSignalParams(signal);
  const happening: Happening = isWritten ? { code: 'disk-written', params: {} } : { code: 'signal', params };
  const isEvent = isNews && (isWritten || !isSilent(params));
  const events: NewMachineEvent[] = isEvent ? [{ type, level, ...happening, atMs, username: '' }] : [];
  return {
    kind: 'change',
    fields: {
      statusDeadlineMs: computeDeadlineMs(machine.status, atMs),
      statusReason: work?.waitsForBoot === true ? undefined : machine.statusReason,
      ...(isWritten ? { netboot: false } : {}),
      work:
        work === undefined
          ? undefined
          : { ...work, ...pickWorkProgress(signal, work), ...HEARD, stage, message, report, reportedMs: atMs },
    },
    events,
  };
}

/** Values that it lacks stay, but the bytes of a stage end with it. */
function pickWorkProgress({ stage, doneBytes, totalBytes, hostKey }: Signal, before: NonNullable<Machine['work']>) {
  const isSame = cleanWords(stage, STAGE_MAX) === before.stage;
  return {
    doneBytes: doneBytes ?? (isSame ? before.doneBytes : undefined),
    totalBytes: totalBytes ?? (isSame ? before.totalBytes : undefined),
    hostKey: parseHostKey(hostKey) ?? before.hostKey,
  };
}

/** Empty: its state stays the same. */
function chooseSignalPath(machine: Machine, signal: Signal, switchesOff: boolean): readonly MachineStatus[] {
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
      // Until the pending power cycle is done, the former owner's system still runs and could send
      // this signal.
      if (machine.powerTask === 'cycle') return [];
      return switchesOff ? ['releasing'] : ['releasing', 'ready'];
    case 'releasing':
      return ['ready'];
    case 'entering-rescue-mode':
      return ['rescue-mode'];
    case 'exiting-rescue-mode':
      // Other signals do not count, because the machine may have sent them before it knew of the end.
      return cleanWords(signal.stage, STAGE_MAX) === LEFT ? [restingStatus(machine)] : [];
    default:
      return [];
  }
}
