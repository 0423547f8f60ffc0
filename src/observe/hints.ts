// What the steps of a boot show together and no step shows alone: why it does not go on, and what would cure it.
//
//   event ─ BootWatch.look ─ follow (what is known of this boot) ─ find → hints, each once a boot
//
// Sources: captures of OVMF, SeaBIOS and iPXE; RFC 2131 §4.1 (retransmission), IEEE 802.1D (forwarding begins 30 s after link-up).
//
// 1. A hint names what was seen, what it most likely means, and what to do; it never claims what was not seen.
// 2. What firmware does in every boot is no hint: asking for a size and ending the transfer, names that need not exist.
// 3. Memory of one machine is a few numbers; nothing grows with what it does.

import { findArchitecture } from '../boot/architectures.ts';
import { counted } from '../counted.ts';
import type { DhcpEvent } from '../dhcp/events.ts';
import type { RackEvent } from '../event.ts';
import type { HttpEvent } from '../http/events.ts';
import type { TftpEvent } from '../tftp/events.ts';
import { isDhcpEvent } from './sentences/dhcp.ts';
import { isHttpEvent, isRefusedReport, isTftpEvent, PURPOSE_CURES, refusalOf } from './sentences/files.ts';

/** A client that says so many seconds in its first DISCOVER has asked before. Quirk: Intel's ROMs begin to count at 4. */
export const SILENCE_SECONDS_MIN = 5;
/** So many offers without a REQUEST, and one more DISCOVER, which shows that the last of them was not taken either. */
export const OFFERS_UNTAKEN_MAX = 3;
/** DISCOVERs within this time are one, of which several relay agents bring a copy: RFC 2131 §4.1 has clients wait 3 s or more. */
export const COPIES_MS = 200;
/** So often the same loader without a kernel, within LOOP_MS_MAX. */
export const LOADS_MAX = 3;
const LOOP_MS_MAX = 600_000;
/** A tenth of the blocks sent again, of a file of at least so many. */
const LOSS_SHARE_MIN = 0.1;
const LOSS_BLOCKS_MIN = 50;
/** So many transfers of which no block was ever acknowledged. */
const UNHEARD_MAX = 2;

/** The patterns, by the name that stays, each with what it is known by. */
export const HINTS = {
  'asked-before-heard': 'The first DISCOVER that arrives says that the machine has asked for a while already.',
  'offer-not-taken': 'An address is offered again and again, and never asked for.',
  'other-server': 'The machine takes the offer of another DHCP server.',
  'no-loader': 'The firmware is of an architecture for which there is no loader.',
  'loader-loop': 'The same loader is loaded again and again, and no configuration or kernel follows.',
  'file-missing': 'A file without which the boot cannot go on is not in the boot tree.',
  'cannot-start': 'The configuration that the machine gets can only show why there is nothing to start.',
  'transfer-stalled': 'A transfer by TFTP ends in the middle because nothing is heard any more.',
  'transfer-unheard': 'Transfers by TFTP begin and not one block is acknowledged.',
  'packets-lost': 'A tenth of the blocks of a file, or more, had to be sent again.',
  'report-refused': 'The region refuses what the machine reports.',
} as const satisfies Readonly<Record<string, string>>;
export type HintName = keyof typeof HINTS;

export interface Hint {
  readonly name: HintName;
  readonly text: string;
}

/** A kernel or an initrd by its file name. */
export const isKernelFile = (file: string): boolean =>
  /(?:^|\/)(?:linux|vmlinuz[^/]*|initrd[^/]*|boot-kernel|boot-initrd)$/.test(file);
/** Files without which a loader of ours does not go on. */
const isNeededFile = (file: string): boolean =>
  isKernelFile(file) || /(?:^|\/)(?:grub(?:x64|aa64|ia32)\.efi|ldlinux\.(?:c32|e32|e64))$/i.test(file);

const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

/** Watches what one machine does. */
export class BootWatch {
  /** Undefined: none in this boot, as nearly always. */
  #told: Set<HintName> | undefined;
  #steps = 0;
  /** Offers that were not taken up to now, the last one at `#offeredAt`. */
  #offers = 0;
  #offeredAt = 0;
  #unheard = 0;
  /** The file that DHCP named last. */
  #offered: string | undefined;
  #loads = 0;
  #firstLoadAt = 0;

  /** A new boot of the machine begins; loads of its loader count on, for a loop is several boots. */
  begin(): void {
    this.#told = undefined;
    this.#steps = 0;
    this.#offers = 0;
    this.#unheard = 0;
  }

  /** What an event adds to what is known, and the hints that follow and were not told in this boot. */
  look(event: RackEvent): readonly Hint[] {
    const found = isDhcpEvent(event) ? this.#lookAtDhcp(event) : this.#lookAtFiles(event);
    this.#steps += 1;
    if (found.length === 0) return found;
    const told = this.#told ?? new Set();
    this.#told = told;
    const fresh = found.filter(({ name }) => !told.has(name));
    for (const { name } of fresh) told.add(name);
    return fresh;
  }

  #lookAtDhcp(event: DhcpEvent): readonly Hint[] {
    switch (event.kind) {
      case 'dhcp.offer':
        return this.#lookAtOffer(event);
      case 'dhcp.ack':
      case 'dhcp.elsewhere':
        this.#offers = 0;
        return [];
      case 'dhcp.refused':
        return event.reason === 'other-server-chosen'
          ? [
              hint(
                'other-server',
                'it took the offer of another DHCP server on this network: let only one of the two serve it, or that one will not ' +
                  'give it what it needs to boot from here',
              ),
            ]
          : [];
      default:
        return [];
    }
  }

  #lookAtOffer({ at, client, file, architecture, waitedSeconds, proxied }: DhcpEvent): readonly Hint[] {
    const hints: Hint[] = [];
    const waited = waitedSeconds ?? 0;
    if (this.#steps === 0 && waited >= SILENCE_SECONDS_MIN) {
      hints.push(
        hint(
          'asked-before-heard',
          `it had been asking for ${waited} s when its first DISCOVER arrived here: the switch port did not forward until then, as ` +
            'with spanning tree after a link comes up (make it an edge port, PortFast), or this rack did not serve it yet',
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
            ? `it asked for an address ${counted(this.#offers, 'time')} and took none: the other DHCP server gives it none, for this network is in ` +
                'proxy mode, or what both say does not reach it'
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

  #lookAtFiles(event: RackEvent): readonly Hint[] {
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
        `it loaded ${baseName(file)} ${counted(this.#loads, 'time')} and never went on to a configuration or a kernel: the loader starts itself ` +
          'again, fails at once, or is refused by Secure Boot; see the screen of the machine, and boot.loaders if it is set',
      ),
    ];
  }

  #missing(file: string | undefined): readonly Hint[] {
    if (file === undefined) return [];
    const isOffered = this.#offered !== undefined && baseName(file) === baseName(this.#offered);
    if (!isOffered && !isNeededFile(file)) return [];
    const cure = isKernelFile(file)
      ? '`rackboot images build` makes the environment, and an import brings an installer'
      : '`rackboot images build` fetches the loaders';
    return [
      hint('file-missing', `it needs ${file} to go on, which is not in the boot tree: ${cure}, or put the file there`),
    ];
  }

  #timedOut({ file, bytes, blockBytes }: TftpEvent): readonly Hint[] {
    if ((bytes ?? 0) > 0) {
      return [
        hint(
          'transfer-stalled',
          `it stopped acknowledging ${file ?? 'a file'} in the middle: it was switched off, or its network lost every packet from then on`,
        ),
      ];
    }
    this.#unheard += 1;
    if (this.#unheard < UNHEARD_MAX) return [];
    return [
      hint(
        'transfer-unheard',
        `${counted(this.#unheard, 'transfer')} began and it acknowledged no block: a firewall drops packets between ports above 1023, or blocks of ` +
          `${counted(blockBytes ?? 512, 'byte')} do not fit the path`,
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
        `${repeated} of ${blocks} blocks of ${file ?? 'a file'} had to be sent again: packets are lost between here and the machine; see ` +
          'cable, duplex and the error counters of the switch port',
      ),
    ];
  }
}

const refusedReport = (event: HttpEvent): string =>
  `the region refused its report with ${event.status}: ${refusalOf(event) ?? 'it does not say why'}`;

function noLoader(client: string, architecture: number): Hint {
  const cure = findArchitecture(architecture)?.remark ?? 'name one under boot.loaders';
  return hint(
    'no-loader',
    `it boots from the network as ${client}, architecture ${architecture}, for which there is no loader: ${cure}, as ${architecture}: FILE`,
  );
}

const hint = (name: HintName, text: string): Hint => ({ name, text });
