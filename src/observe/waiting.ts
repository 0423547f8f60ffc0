// What a machine waits for now, from its last steps: the last line of a trace.
//
// 1. Silence is said with its length; what it may mean is said as a possibility.
// 2. A lease that ends is no step of the machine: what it was about to do stays what it owes, and its silence is given its meaning.

import type { Instant } from '../clock.ts';
import type { RackEvent } from '../event.ts';
import { isKernelFile } from './hints.ts';
import { formatSpan } from './quantity.ts';
import { isDhcpEvent } from './sentences/dhcp.ts';
import { isHttpEvent, isRefusedReport, isTftpEvent } from './sentences/files.ts';
import type { TimelineStep } from './timeline.ts';

/** So much silence in the middle of a boot is worth a word. */
const SILENCE_MS = 60_000;
/** How long a kernel and its environment may be silent. */
const KERNEL_SILENCE_MS = 180_000;

/** Kinds with which a download has ended too early. */
const BROKEN_OFF: ReadonlySet<string> = new Set(['tftp.aborted', 'tftp.timed-out', 'http.aborted', 'http.timed-out']);

interface Waiting {
  readonly text: string;
  /** What a longer silence may mean; undefined: nothing is owed. */
  readonly silence?: string | undefined;
  readonly silenceMs?: number | undefined;
}

/** The last line of a trace: what the machine does next, or what a long silence may mean. */
export function describeWaiting(steps: readonly TimelineStep[], now: Instant): string {
  const last =
    steps.findLast(({ event }) => saysWhatIsNext(event) && !isEnd(event)) ??
    steps.findLast(({ event }) => saysWhatIsNext(event));
  if (last === undefined) return 'its first message: nothing was heard of it since the rack was started';
  const { text, silence, silenceMs = SILENCE_MS } = waitingAfter(last, steps);
  const latest = steps.findLast(({ event }) => isOfMachine(event)) ?? last;
  const quiet = now - latest.lastAt;
  const heard = `heard of ${formatSpan(quiet)} ago${isEnd(last.event) ? '' : endOfLease(steps, latest)}`;
  return silence === undefined || quiet < silenceMs ? `${text}; ${heard}` : `${text}; ${heard}: ${silence}`;
}

const saysWhatIsNext = ({ kind }: RackEvent): boolean =>
  kind !== 'boot.hint' && !/probed$|missing$|^http\.forwarded$|^dhcp\.inform$|^net\./.test(kind);

/** True for what the rack says when a lease is over, of which the machine knows nothing. */
const isEnd = ({ kind }: RackEvent): boolean => kind === 'dhcp.expired' || kind === 'dhcp.ended';

/** True for what a machine did itself. */
const isOfMachine = (event: RackEvent): boolean =>
  !isEnd(event) && !/^(?:net|machine|boot)\.|\.(?:stalled|timed-out)$/.test(event.kind);

/** That the machine's lease is over, where nothing was heard of it since. */
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
    if (event.kind === 'http.posted') return { text: 'nothing more of this rack: it has reported to the region' };
    if (event.kind === 'http.stalled') {
      return { text: `it to take more of ${event.file ?? 'its file'}, which stands still`, silence: 'see its screen' };
    }
    if (BROKEN_OFF.has(event.kind)) {
      return { text: `it to ask for ${event.file ?? 'its file'} again, or start anew`, silence: 'see its screen' };
    }
    if (event.purpose !== undefined) return waitingAfterPurpose(event.purpose);
    if (event.file !== undefined) return waitingAfterFile(event.file, isProxied(step, steps));
  }
  if (event.kind.startsWith('machine.')) return { text: 'its next boot' };
  return { text: 'its next step' };
}

function waitingAfterDhcp(kind: string, step: TimelineStep, steps: readonly TimelineStep[]): Waiting {
  const boots = steps.some(({ boot, event }) => boot === step.boot && isDhcpEvent(event) && event.client !== undefined);
  switch (kind) {
    case 'dhcp.offer':
      if (isDhcpEvent(step.event) && step.event.proxied === true) {
        return {
          text: 'it to get an address from the other DHCP server',
          silence: 'it was switched off, or no other DHCP server answers on this network, which is in proxy mode',
        };
      }
      return {
        text: 'it to take the offer',
        silence: 'it was switched off, did not hear the offer, or took the one of another DHCP server',
      };
    case 'dhcp.elsewhere':
      return boots && isDhcpEvent(step.event) && step.event.client !== undefined
        ? { text: 'it to load what it was told', silence: 'see its screen: the file was not asked for' }
        : { text: boots ? 'whatever its system does next' : 'nothing: it does not boot from the network' };
    case 'dhcp.ack':
    case 'dhcp.boot-server': {
      const { event } = step;
      const file = isDhcpEvent(event) && event.client !== undefined ? event.file : undefined;
      if (file !== undefined)
        return { text: `it to load ${file}`, silence: 'see its screen: the file was not asked for' };
      if (isDhcpEvent(event) && event.client !== undefined) {
        return {
          text: `nothing: it was given nothing to load${event.planReason === undefined ? '' : `, ${event.planReason}`}`,
        };
      }
      return {
        text: boots ? 'whatever its system does next' : 'nothing: it does not boot from the network',
      };
    }
    case 'dhcp.refused':
    case 'dhcp.nak':
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
      return { text: 'its loader to ask again and say who it is', silence: 'see its screen' };
    case 'local':
      return { text: 'nothing: it starts its own disk' };
    case 'poweroff':
      return { text: 'nothing: it switches itself off' };
    case 'enlist':
    case 'commissioning':
    case 'install':
      return { text: 'it to load its kernel', silence: 'see its screen: the kernel was not asked for' };
    default:
      return { text: 'a remedy: it shows the reason on its screen, starts anew and asks again' };
  }
}

/** True in a boot for which another DHCP server gave the address. */
const isProxied = ({ boot }: TimelineStep, steps: readonly TimelineStep[]): boolean =>
  steps.some((one) => one.boot === boot && isDhcpEvent(one.event) && one.event.proxied === true);

function waitingAfterFile(file: string, proxied: boolean): Waiting {
  if (/(?:^|\/)linux$/.test(file)) return { text: 'it to load its initrd', silence: 'see its screen' };
  if (proxied && /(?:^|\/)grub[a-z0-9]+\.efi$/i.test(file)) {
    const silence =
      'GRUB asks the server that gave the address, where this rack has to be the next server (siaddr), or stops at its prompt';
    return { text: 'its loader to ask for a configuration', silence };
  }
  if (!isKernelFile(file)) return { text: 'its loader to ask for a configuration', silence: 'see its screen' };
  return {
    text: 'its kernel to start, ask for an address and report',
    silence:
      'its console says more than the network does: a kernel without a driver for this network card is silent here',
    silenceMs: KERNEL_SILENCE_MS,
  };
}
