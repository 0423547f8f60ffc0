// Recognises problems from several steps of a boot that no single step shows: why the boot does not continue, and the remedy.
//
//   event ─ BootWatch.observe ─ update the boot's state ─ match the patterns → hints, each once per boot
//
// Sources: captures of OVMF, SeaBIOS and iPXE; RFC 2131 §4.1 (retransmission), IEEE 802.1D (forwarding begins 30 s after link-up).
//
// 1. A hint says what was seen, what it most likely means, and what to do; it never claims what was not seen.
// 2. Normal firmware behaviour gives no hint: asking for a size and aborting the transfer, or requesting optional files.
// 3. The state of a machine is a few numbers, and does not grow with its activity.

import { archFlag, type Cpu, findArchitecture, isBuiltFor } from '../boot/architectures.ts';
import { baseName } from '../boot/paths.ts';
import { counted } from '../counted.ts';
import type { DhcpEvent } from '../dhcp/events.ts';
import type { RackEvent } from '../event.ts';
import type { HttpEvent } from '../http/events.ts';
import { PURPOSE_CURES, refusalOf } from '../region/words/rack-reasons.ts';
import type { TftpEvent } from '../tftp/events.ts';
import { isDhcpEvent, isHttpEvent, isRefusedReport, isTftpEvent } from './protocol-events.ts';

/** A client with at least this `secs` in its first DISCOVER has asked before. Quirk: Intel's ROMs start counting at 4. */
const SILENCE_SECONDS_MIN = 5;
/** After so many offers without a REQUEST, the next DISCOVER gives a hint: the last offer was not taken either. */
const OFFERS_UNTAKEN_MAX = 3;
/** DISCOVERs within this time, in milliseconds, are copies from several relay agents: RFC 2131 §4.1 makes clients wait 3 s or more. */
export const COPIES_MS = 200;
/** Loads of the same loader without a kernel, within LOOP_MS_MAX, that give a hint. */
const LOADS_MAX = 3;
const LOOP_MS_MAX = 600_000;
/** The share of blocks sent again, of a file with at least LOSS_BLOCKS_MIN blocks, that gives a hint. */
const LOSS_SHARE_MIN = 0.1;
const LOSS_BLOCKS_MIN = 50;
/** Transfers without any acknowledged block that give a hint. */
const UNACKNOWLEDGED_MAX = 2;

/** The patterns by their stable names, each with how it is recognised. */
export const HINTS = {
  'asked-before-heard': 'The first DISCOVER to arrive says that the machine has been asking for a while.',
  'offer-not-taken': 'Addresses are offered again and again, and never requested.',
  'other-server': 'The machine takes the offer of another DHCP server.',
  'no-loader': 'There is no loader for the architecture of the firmware.',
  'loader-loop': 'The same loader is loaded again and again without a configuration or kernel.',
  'file-missing': 'A file that the boot needs is not in the boot tree.',
  'cannot-start': 'The configuration for the machine can only explain why there is nothing to start.',
  'transfer-stalled': 'The machine falls silent in the middle of a TFTP transfer.',
  'transfer-unheard': 'TFTP transfers start, but no block is ever acknowledged.',
  'packets-lost': 'A tenth or more of the blocks of a file had to be sent again.',
  'report-refused': "The region refuses the machine's report.",
} as const satisfies Readonly<Record<string, string>>;
export type HintName = keyof typeof HINTS;

export interface Hint {
  readonly name: HintName;
  readonly text: string;
}

/** True for the file name of a kernel or an initrd. */
export const isKernelFile = (file: string): boolean =>
  /(?:^|\/)(?:linux|vmlinuz[^/]*|initrd[^/]*|boot-kernel|boot-initrd)$/.test(file);
/** True for files that our loaders cannot continue without. */
const isNeededFile = (file: string): boolean =>
  isKernelFile(file) || /(?:^|\/)(?:grub(?:x64|aa64|ia32)\.efi|ldlinux\.(?:c32|e32|e64))$/i.test(file);

/** The CPU that a loader is for, by the end of its name, which firmware prescribes. */
function cpuOfLoader(file: string): Cpu {
  const [, end = ''] = /(aa64|ia32)\.efi$/i.exec(file) ?? [];
  return ({ aa64: 'arm64', ia32: 'i386' } as const)[end.toLowerCase()] ?? 'amd64';
}

/** Watches the steps of one machine. */
export class BootWatch {
  /** The hints of this boot; undefined if there are none, as in nearly every boot. */
  #given: Set<HintName> | undefined;
  #steps = 0;
  /** Consecutive offers that were not taken, the last one at `#offeredAt`. */
  #offers = 0;
  #offeredAt = 0;
  #unacknowledged = 0;
  /** The boot file of the last offer. */
  #offered: string | undefined;
  #loads = 0;
  #firstLoadAt = 0;

  /** Starts a new boot. The count of loader loads continues, because a loop spans several boots. */
  begin(): void {
    this.#given = undefined;
    this.#steps = 0;
    this.#offers = 0;
    this.#unacknowledged = 0;
  }

  /** Takes an event. @returns hints that were not yet given in this boot */
  observe(event: RackEvent): readonly Hint[] {
    const found = isDhcpEvent(event) ? this.#observeDhcp(event) : this.#observeFiles(event);
    this.#steps += 1;
    if (found.length === 0) return found;
    const given = this.#given ?? new Set();
    this.#given = given;
    const fresh = found.filter(({ name }) => !given.has(name));
    for (const { name } of fresh) given.add(name);
    return fresh;
  }

  #observeDhcp(event: DhcpEvent): readonly Hint[] {
    switch (event.kind) {
      case 'dhcp.offer':
        return this.#observeOffer(event);
      case 'dhcp.ack':
      case 'dhcp.elsewhere':
        this.#offers = 0;
        return [];
      case 'dhcp.refused':
        return event.reason === 'other-server-chosen'
          ? [
              hint(
                'other-server',
                'it took the offer of another DHCP server on this network: let only one of the two serve the network, or that one will ' +
                  'not tell it how to boot from here',
              ),
            ]
          : [];
      default:
        return [];
    }
  }

  #observeOffer({ at, client, file, architecture, waitedSeconds, proxied }: DhcpEvent): readonly Hint[] {
    const hints: Hint[] = [];
    const waited = waitedSeconds ?? 0;
    if (this.#steps === 0 && waited >= SILENCE_SECONDS_MIN) {
      hints.push(
        hint(
          'asked-before-heard',
          `it had been asking for ${waited} s when its first DISCOVER arrived here: the switch port did not forward until then, as ` +
            'with spanning tree after a link comes up (make it an edge port, PortFast), or this rack was not serving it yet',
        ),
      );
    }
    this.#offered = file;
    const isCopy = this.#offers > 0 && Math.abs(at - this.#offeredAt) < COPIES_MS;
    if (!isCopy && this.#offers >= OFFERS_UNTAKEN_MAX) {
      hints.push(
        hint(
          'offer-not-taken',
          proxied === true
            ? `it asked for an address ${counted(this.#offers, 'time')} and took none: this network is in proxy mode, and the other DHCP server ` +
                'offers it none, or the offers do not reach it'
            : `it was offered an address ${counted(this.#offers, 'time')} and took none: the offers do not reach it (a filter, the wrong VLAN, a ` +
                'relay), or another DHCP server answers on this network',
        ),
      );
    }
    if (!isCopy) {
      this.#offers += 1;
      this.#offeredAt = at;
    }
    if (client !== undefined && file === undefined) hints.push(noLoader(client, architecture ?? 0));
    return hints;
  }

  #observeFiles(event: RackEvent): readonly Hint[] {
    if (isTftpEvent(event)) {
      switch (event.kind) {
        case 'tftp.sent':
          return [...this.#loaded(event.file, event.purpose, event.at), ...this.#lossOf(event)];
        case 'tftp.missing':
          return this.#missing(event.file);
        case 'tftp.timed-out':
          return this.#timedOut(event);
        default:
          return [];
      }
    }
    if (!isHttpEvent(event)) return [];
    switch (event.kind) {
      case 'http.file-sent':
      case 'http.rendered':
        return this.#loaded(event.file, event.purpose, event.at);
      case 'http.missing':
        return this.#missing(event.file);
      case 'http.posted':
        return isRefusedReport(event) ? [hint('report-refused', refusedReport(event))] : [];
      default:
        return [];
    }
  }

  #loaded(file: string | undefined, purpose: string | undefined, at: number): readonly Hint[] {
    this.#offers = 0;
    if (purpose !== undefined) {
      if (purpose === 'chain') return [];
      this.#loads = 0;
      const cure = PURPOSE_CURES[purpose];
      return cure === undefined ? [] : [hint('cannot-start', `it cannot start: ${cure}`)];
    }
    if (file === undefined) return [];
    if (isKernelFile(file)) this.#loads = 0;
    if (this.#offered === undefined || baseName(file) !== baseName(this.#offered)) return [];
    if (this.#loads === 0 || at - this.#firstLoadAt > LOOP_MS_MAX) {
      this.#loads = 0;
      this.#firstLoadAt = at;
    }
    this.#loads += 1;
    if (this.#loads < LOADS_MAX) return [];
    return [
      hint(
        'loader-loop',
        `it loaded ${baseName(file)} ${counted(this.#loads, 'time')} without requesting a configuration or a kernel: the loader restarts itself, ` +
          "fails immediately, or is rejected by Secure Boot; check the machine's screen, and boot.loaders if it is set",
      ),
    ];
  }

  #missing(file: string | undefined): readonly Hint[] {
    if (file === undefined) return [];
    const isOffered = this.#offered !== undefined && baseName(file) === baseName(this.#offered);
    if (!isOffered && !isNeededFile(file)) return [];
    if (!isKernelFile(file) && !isBuiltFor(cpuOfLoader(file))) return [hint('file-missing', absentOf32Bits(file))];
    const cure = isKernelFile(file)
      ? file.includes('/install/')
        ? "`sudo rackboot images import-installer` adds Debian's installer"
        : '`sudo rackboot images build` builds the environment'
      : `\`sudo rackboot images build${archFlag(cpuOfLoader(file))}\` fetches the loaders`;
    return [hint('file-missing', `it needs ${file}, which is not in the boot tree: ${cure}, or put the file there`)];
  }

  #timedOut({ file, bytes, blockBytes }: TftpEvent): readonly Hint[] {
    if ((bytes ?? 0) > 0) {
      return [
        hint(
          'transfer-stalled',
          `it stopped acknowledging ${file ?? 'a file'} in the middle: it was powered off, or its network lost every packet from then on`,
        ),
      ];
    }
    this.#unacknowledged += 1;
    if (this.#unacknowledged < UNACKNOWLEDGED_MAX) return [];
    return [
      hint(
        'transfer-unheard',
        `${counted(this.#unacknowledged, 'transfer')} started and it acknowledged no block: a firewall drops packets between ports above 1023, or ` +
          `blocks of ${counted(blockBytes ?? 512, 'byte')} exceed the path MTU`,
      ),
    ];
  }

  #lossOf({ bytes, blockBytes, repeatedBlocks, file }: TftpEvent): readonly Hint[] {
    const blocks = Math.ceil((bytes ?? 0) / (blockBytes ?? 512));
    const repeated = repeatedBlocks ?? 0;
    if (blocks < LOSS_BLOCKS_MIN || repeated < blocks * LOSS_SHARE_MIN) return [];
    return [
      hint(
        'packets-lost',
        `${repeated} of ${blocks} blocks of ${file ?? 'a file'} had to be sent again: packets are lost on the way to the machine; check ` +
          'the cable, the duplex mode and the error counters of the switch port',
      ),
    ];
  }
}

const absentOf32Bits = (file: string): string =>
  `it needs ${file}, which is not in the boot tree: Rackboot fetches no loaders for UEFI of 32 bits; put the file there, if the processor has 64`;

const refusedReport = (event: HttpEvent): string =>
  `the region refused its report with ${event.status}: ${refusalOf(event) ?? 'no reason given'}`;

function noLoader(client: string, architecture: number): Hint {
  const cure = findArchitecture(architecture)?.remark ?? 'set one in boot.loaders';
  return hint(
    'no-loader',
    `there is no loader for ${client}, architecture ${architecture}: ${cure} as ${architecture}: FILE`,
  );
}

const hint = (name: HintName, text: string): Hint => ({ name, text });
