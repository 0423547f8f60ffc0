// Finds what the rack expects next of a machine, from its last steps. `waiting-words.ts` makes the
// last line of a trace from the result.
//
// 1. The length of a silence is part of the result, and whether it is long for the expected step.
// 2. The end of a lease, a finding of the rack about an address, and a change in the region are not
//    steps of the machine: its expected next step stays the same, and so does the meaning of its
//    silence.

import { isKernelFile } from '../boot/paths.ts';
import type { Instant } from '../ground/clock.ts';
import type { RackEvent } from '../ground/event.ts';
import type { HttpEvent } from '../http/events.ts';
import type { RackMachine } from '../machines/machine.ts';
import type { TftpEvent } from '../tftp/events.ts';
import { FILE_SENT_KINDS, isDhcpEvent, isHttpEvent, isRefusedReport, isTftpEvent } from './protocol-events.ts';
import { isOwnAction, type TimelineStep } from './timeline.ts';

/** From this length on, a silence in the middle of a boot is long, in milliseconds. */
const SILENCE_MS = 60_000;
/** From this length on, a silence is long while a kernel and its environment start, in milliseconds. */
const KERNEL_SILENCE_MS = 180_000;

/** The steps without parameters. */
export type PlainStep =
  /** The rack has not seen the machine since the start. */
  | 'first-message'
  /** None from this rack: the machine has reported to the region. */
  | 'reported'
  | 'address-elsewhere'
  | 'take-offer'
  | 'own-system'
  | 'not-booting'
  | 'no-boot-file'
  | 'ask-again'
  | 'next-boot'
  | 'next-step'
  | 'loader-again'
  | 'own-disk'
  | 'deployed'
  | 'power-off'
  | 'configuration'
  | 'kernel'
  | 'remedy'
  | 'initrd'
  | 'kernel-start';

/** The next step that is expected of a machine. An `undefined` file is unknown. */
export type ExpectedStep =
  | { readonly code: PlainStep }
  /** `work`: its environment works for the region. `work-over`: none, its work is done or was ended. */
  | { readonly code: 'work' | 'work-over'; readonly statusName: string }
  /** The region refused the last report. */
  | { readonly code: 'report-again'; readonly status: number | undefined }
  | { readonly code: 'stalled-file' | 'file-again' | 'boot-file'; readonly file: string | undefined };

/** The expectation of a machine. */
export interface Waiting {
  readonly expected: ExpectedStep;
  /** How long the machine has been silent, in milliseconds; `undefined` if it was never seen. */
  readonly quietMs: number | undefined;
  readonly isLong: boolean;
  /** True if its lease has ended since its last step. */
  readonly hasLeaseEnded: boolean;
}

/** The states of a machine whose work is done, or was ended by a release or by `abort`. */
const RELEASED_STATUSES: ReadonlySet<string> = new Set(['New', 'Ready', 'Allocated']);

/**
 * Finds the machine's expected next step.
 * @param machine what the region wants of it; `undefined` if the region does not know it
 */
export function findWaiting(
  steps: readonly TimelineStep[],
  now: Instant,
  machine?: Pick<RackMachine, 'statusName' | 'purpose' | 'bootToken'>,
): Waiting {
  const lastStep =
    steps.findLast(({ event }) => isStep(event) && !isLeaseEnd(event)) ?? steps.findLast(({ event }) => isStep(event));
  if (lastStep === undefined)
    return { expected: { code: 'first-message' }, quietMs: undefined, isLong: false, hasLeaseEnded: false };
  const expectedNext = expectAfter(lastStep, steps);
  const isReleased =
    machine?.purpose === 'poweroff' && RELEASED_STATUSES.has(machine.statusName) && isCutOff(lastStep.event);
  const isDeployed = machine?.statusName === 'Deployed' && machine.bootToken === undefined && isCutOff(lastStep.event);
  const isAtWork = machine?.bootToken !== undefined && (SYSTEM_STEPS.has(expectedNext.code) || isImage(lastStep.event));
  const expected: ExpectedStep = isReleased
    ? { code: 'work-over', statusName: machine.statusName }
    : isDeployed
      ? { code: 'deployed' }
      : isAtWork
        ? { code: 'work', statusName: machine.statusName }
        : expectedNext;
  const latestAction = steps.findLast(({ event }) => isOwnAction(event)) ?? lastStep;
  const quietMs = now - latestAction.lastAt;
  return {
    expected,
    quietMs,
    isLong: quietMs >= (expected.code === 'kernel-start' ? KERNEL_SILENCE_MS : SILENCE_MS),
    hasLeaseEnded: !isLeaseEnd(lastStep.event) && hasLeaseEndedSince(steps, latestAction),
  };
}

/** The expectations of a machine that has booted: if the region has work for it, its environment runs. */
const SYSTEM_STEPS: ReadonlySet<ExpectedStep['code']> = new Set(['reported', 'own-system', 'not-booting']);

const isImage = (event: RackEvent): boolean =>
  isHttpEvent(event) && event.file?.startsWith('images/') === true && FILE_SENT_KINDS.has(event.kind);

/** True for an event that looks like a failure of the machine, but may also come from the end of its work. */
const isCutOff = (event: RackEvent): boolean => hasEndedEarly(event) || (isHttpEvent(event) && isRefusedReport(event));

const hasEndedEarly = (event: RackEvent): boolean =>
  (isTftpEvent(event) || isHttpEvent(event)) && event.file !== undefined && !FILE_SENT_KINDS.has(event.kind);

const isStep = ({ kind }: RackEvent): boolean =>
  !/^boot\.|probed$|missing$|^http\.(?:forwarded|tls-failed)$|^dhcp\.inform$|^dhcp\.(?:still-used|conflict|declined-back|cleared)$|^(?:net|machine)\./.test(
    kind,
  );

/** True for the rack's events at the end of a lease, which are not steps of the machine. */
const isLeaseEnd = ({ kind }: RackEvent): boolean => kind === 'dhcp.expired' || kind === 'dhcp.ended';

function hasLeaseEndedSince(steps: readonly TimelineStep[], latestAction: TimelineStep): boolean {
  const end = steps.findLast(({ event }) => isLeaseEnd(event));
  return end !== undefined && end.lastAt >= latestAction.lastAt && end !== latestAction;
}

function expectAfter(step: TimelineStep, steps: readonly TimelineStep[]): ExpectedStep {
  const { event } = step;
  if (isDhcpEvent(event)) return expectAfterDhcp(event.kind, step, steps);
  if (isTftpEvent(event) || isHttpEvent(event)) {
    if (isHttpEvent(event) && isRefusedReport(event)) return { code: 'report-again', status: event.status };
    if (event.kind === 'http.posted') return { code: 'reported' };
    if (event.kind === 'http.stalled') return { code: 'stalled-file', file: event.file };
    if (hasEndedEarly(event)) return { code: 'file-again', file: event.file };
    const configuration = findLastConfiguration(step, steps);
    const purpose = configuration?.purpose;
    // Nobody knows what the system of a profile does.
    if (purpose?.startsWith('profile:') === true) return { code: 'own-system' };
    if (event.purpose !== undefined) return expectAfterPurpose(event.purpose);
    // A person may have chosen something in the menu; without a choice, a machine in use loads only
    // the loader's modules.
    if (configuration?.menuSeconds !== undefined && (purpose === 'local' || purpose === 'poweroff'))
      return isLoaderModule(event.file) ? expectAfterPurpose(purpose) : { code: 'own-system' };
    const isLoader = purpose === undefined || purpose === 'chain';
    if (event.file !== undefined && (isLoader || isKernelFile(event.file))) return expectAfterFile(event.file);
  }
  return { code: 'next-step' };
}

function expectAfterDhcp(kind: string, step: TimelineStep, steps: readonly TimelineStep[]): ExpectedStep {
  const isBooting = steps.some(
    ({ boot, event }) => boot === step.boot && isDhcpEvent(event) && event.client !== undefined,
  );
  const withoutClient: ExpectedStep = { code: isBooting ? 'own-system' : 'not-booting' };
  switch (kind) {
    case 'dhcp.offer':
      return { code: isDhcpEvent(step.event) && step.event.proxied === true ? 'address-elsewhere' : 'take-offer' };
    case 'dhcp.elsewhere':
      return isBooting && isDhcpEvent(step.event) && step.event.client !== undefined
        ? { code: 'boot-file', file: undefined }
        : withoutClient;
    case 'dhcp.ack':
    case 'dhcp.boot-server': {
      const { event } = step;
      if (!isDhcpEvent(event) || event.client === undefined) return withoutClient;
      return event.file === undefined ? { code: 'no-boot-file' } : { code: 'boot-file', file: event.file };
    }
    case 'dhcp.refused':
    case 'dhcp.nak':
    case 'dhcp.decline':
      return { code: 'ask-again' };
    case 'dhcp.expired':
    case 'dhcp.ended':
    case 'dhcp.release':
      return { code: 'next-boot' };
    default:
      return { code: 'next-step' };
  }
}

function expectAfterPurpose(purpose: string): ExpectedStep {
  switch (purpose) {
    case 'chain':
      return { code: 'loader-again' };
    case 'local':
      return { code: 'own-disk' };
    case 'poweroff':
      return { code: 'power-off' };
    case 'enlist':
    case 'commissioning':
    case 'install':
      return { code: 'kernel' };
    default:
      return { code: 'remedy' };
  }
}

/** The last configuration of a step's boot; `undefined` if it got none. */
export function findLastConfiguration(
  { boot }: TimelineStep,
  steps: readonly TimelineStep[],
): HttpEvent | TftpEvent | undefined {
  const configurations = steps.flatMap(({ boot: stepBoot, event }) =>
    stepBoot === boot && (isTftpEvent(event) || isHttpEvent(event)) && event.purpose !== undefined ? [event] : [],
  );
  return configurations.at(-1);
}

const isLoaderModule = (file = ''): boolean => /\.(?:c32|e32|e64|mod|lst)$/i.test(file);

function expectAfterFile(file: string): ExpectedStep {
  if (/(?:^|\/)linux$/.test(file)) return { code: 'initrd' };
  if (isKernelFile(file)) return { code: 'kernel-start' };
  return { code: 'configuration' };
}
