// Describes what the rack expects next of a machine, from its last steps: the last line of a trace.
//
// 1. Silence is reported with its length; its likely meaning is given as a possibility.
// 2. The end of a lease, what the rack found out about an address, and a change in the region are not steps of the machine: its expected next step stays the same, and so does the
//    meaning of its silence.

import { isKernelFile } from '../boot/paths.ts';
import type { Instant } from '../clock.ts';
import type { RackEvent } from '../event.ts';
import { formatSpan } from '../region/words/quantity.ts';
import { isDhcpEvent, isHttpEvent, isRefusedReport, isTftpEvent } from './protocol-events.ts';
import { isOwnAction, type TimelineStep } from './timeline.ts';

/** After this much silence in the middle of a boot, in milliseconds, the line names its possible meaning. */
const SILENCE_MS = 60_000;
/** The same while a kernel and its environment start. */
const KERNEL_SILENCE_MS = 180_000;

/** The events of a file that the machine has got whole. Every other one of a file is of a download that failed or ended early. */
const WHOLE: ReadonlySet<string> = new Set(['tftp.sent', 'http.file-sent', 'http.rendered']);

interface Waiting {
  readonly text: string;
  /** The meaning of a longer silence; undefined if the machine is not expected to do anything. */
  readonly silence?: string | undefined;
  readonly silenceMs?: number | undefined;
}

/** The states of a machine whose work was ended on purpose: by a release, or by `abort`. */
const RELEASED: ReadonlySet<string> = new Set(['New', 'Ready', 'Allocated']);

/**
 * Describes the machine's expected next step or, after a long silence, what that may mean.
 * @param machine what the region wants of it; undefined if the region does not know it
 */
export function describeWaiting(
  steps: readonly TimelineStep[],
  now: Instant,
  machine?: { readonly statusName: string; readonly purpose: string },
): string {
  const last =
    steps.findLast(({ event }) => saysWhatIsNext(event) && !isEnd(event)) ??
    steps.findLast(({ event }) => saysWhatIsNext(event));
  if (last === undefined) return 'its first message: it was not seen since the rack started';
  const isReleased = machine?.purpose === 'poweroff' && RELEASED.has(machine.statusName) && isCutOff(last.event);
  const {
    text,
    silence,
    silenceMs = SILENCE_MS,
  } = isReleased
    ? { text: `nothing: it is ${machine.statusName}, because its work was ended; it may still be on, so switch it off` }
    : waitingAfter(last, steps);
  const latest = steps.findLast(({ event }) => isOwnAction(event)) ?? last;
  const quiet = now - latest.lastAt;
  const heard = `last seen ${formatSpan(quiet)} ago${isEnd(last.event) ? '' : endOfLease(steps, latest)}`;
  return silence === undefined || quiet < silenceMs ? `${text}; ${heard}` : `${text}; ${heard}: ${silence}`;
}

/** True if it looks as if the machine failed, but the end of its work gives the same events. */
const isCutOff = (event: RackEvent): boolean => endedEarly(event) || (isHttpEvent(event) && isRefusedReport(event));

/** True for a download that failed or ended early. */
const endedEarly = (event: RackEvent): boolean =>
  (isTftpEvent(event) || isHttpEvent(event)) && event.file !== undefined && !WHOLE.has(event.kind);

const saysWhatIsNext = ({ kind }: RackEvent): boolean =>
  kind !== 'boot.hint' &&
  !/probed$|missing$|^http\.forwarded$|^dhcp\.inform$|^dhcp\.(?:still-used|conflict|declined-back|cleared)$|^(?:net|machine)\./.test(
    kind,
  );

/** True for the rack's events at the end of a lease, which are not steps of the machine. */
const isEnd = ({ kind }: RackEvent): boolean => kind === 'dhcp.expired' || kind === 'dhcp.ended';

/** Says that the machine's lease has ended, if it did so after the machine's latest step. */
function endOfLease(steps: readonly TimelineStep[], latest: TimelineStep): string {
  const end = steps.findLast(({ event }) => isEnd(event));
  return end !== undefined && end.lastAt >= latest.lastAt && end !== latest ? ', and its lease has ended' : '';
}

function waitingAfter(step: TimelineStep, steps: readonly TimelineStep[]): Waiting {
  const { event } = step;
  if (isDhcpEvent(event)) return waitingAfterDhcp(event.kind, step, steps);
  if (isTftpEvent(event) || isHttpEvent(event)) {
    if (isHttpEvent(event) && isRefusedReport(event)) {
      return { text: `it to report again: the region refused its report with ${event.status}` };
    }
    if (event.kind === 'http.posted') return { text: 'nothing more from this rack: it has reported to the region' };
    if (event.kind === 'http.stalled') {
      return {
        text: `it to continue loading ${event.file ?? 'its file'}, which has stalled`,
        silence: 'check its screen',
      };
    }
    if (endedEarly(event)) {
      return { text: `it to request ${event.file ?? 'its file'} again, or to restart`, silence: 'check its screen' };
    }
    if (event.purpose !== undefined) return waitingAfterPurpose(event.purpose);
    if (event.file !== undefined) return waitingAfterFile(event.file, isProxied(step, steps));
  }
  return { text: 'its next step' };
}

function waitingAfterDhcp(kind: string, step: TimelineStep, steps: readonly TimelineStep[]): Waiting {
  const boots = steps.some(({ boot, event }) => boot === step.boot && isDhcpEvent(event) && event.client !== undefined);
  switch (kind) {
    case 'dhcp.offer':
      if (isDhcpEvent(step.event) && step.event.proxied === true) {
        return {
          text: 'it to get an address from the other DHCP server',
          silence: 'it was powered off, or no other DHCP server answers on this network, which is in proxy mode',
        };
      }
      return {
        text: 'it to take the offer',
        silence: 'it was powered off, did not receive the offer, or took that of another DHCP server',
      };
    case 'dhcp.elsewhere':
      return boots && isDhcpEvent(step.event) && step.event.client !== undefined
        ? { text: 'it to load its boot file', silence: 'check its screen: it did not request the file' }
        : { text: boots ? 'whatever its system does next' : 'nothing: it is not booting from the network' };
    case 'dhcp.ack':
    case 'dhcp.boot-server': {
      const { event } = step;
      const file = isDhcpEvent(event) && event.client !== undefined ? event.file : undefined;
      if (file !== undefined)
        return { text: `it to load ${file}`, silence: 'check its screen: it did not request the file' };
      if (isDhcpEvent(event) && event.client !== undefined) {
        return { text: 'nothing: it got no boot file' };
      }
      return {
        text: boots ? 'whatever its system does next' : 'nothing: it is not booting from the network',
      };
    }
    case 'dhcp.refused':
    case 'dhcp.nak':
    case 'dhcp.decline':
      return { text: 'it to ask again' };
    case 'dhcp.expired':
    case 'dhcp.ended':
    case 'dhcp.release':
      return { text: 'its next boot' };
    default:
      return { text: 'its next step' };
  }
}

function waitingAfterPurpose(purpose: string): Waiting {
  switch (purpose) {
    case 'chain':
      return { text: 'its loader to identify itself and ask again', silence: 'check its screen' };
    case 'local':
      return { text: 'nothing: it boots its own disk' };
    case 'poweroff':
      return { text: 'nothing: it powers off' };
    case 'enlist':
    case 'commissioning':
    case 'install':
      return { text: 'it to load its kernel', silence: 'check its screen: it did not request the kernel' };
    default:
      return { text: 'a remedy: it shows the reason on its screen, restarts and asks again' };
  }
}

/** True for a boot with an address of another DHCP server. */
const isProxied = ({ boot }: TimelineStep, steps: readonly TimelineStep[]): boolean =>
  steps.some((one) => one.boot === boot && isDhcpEvent(one.event) && one.event.proxied === true);

function waitingAfterFile(file: string, proxied: boolean): Waiting {
  if (/(?:^|\/)linux$/.test(file)) return { text: 'it to load its initrd', silence: 'check its screen' };
  if (proxied && /(?:^|\/)grub[a-z0-9]+\.efi$/i.test(file)) {
    const silence =
      'GRUB asks the server that gave the address; unless that names this rack as next server (siaddr), GRUB stops at its prompt';
    return { text: 'its loader to ask for a configuration', silence };
  }
  if (!isKernelFile(file)) return { text: 'its loader to ask for a configuration', silence: 'check its screen' };
  return {
    text: 'its kernel to start, ask for an address and report',
    silence: 'check its console: a kernel without a driver for this network card is silent on the network',
    silenceMs: KERNEL_SILENCE_MS,
  };
}
