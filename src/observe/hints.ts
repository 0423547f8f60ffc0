// Recognises problems from several steps of a boot that no single step shows: why the boot does not
// continue, and the remedy.
//
//   event ─ BootWatch.observe ─ update the boot's state ─ match the patterns → hints, each once per boot
//
// Sources: captures of OVMF, SeaBIOS and iPXE; RFC 2131 §4.1 (retransmission), IEEE 802.1D
// (forwarding begins 30 s after link-up).
//
// 1. A hint says what was seen, what it most likely means, and what to do; it claims only observations.
// 2. Normal firmware behaviour gives no hint: asking for a size and aborting the transfer, or
//    requesting optional files.
// 3. The state of a machine is a few numbers, and does not grow with its activity.

import { PURPOSE_PROBLEMS } from '../boot/boot-words.ts';
import { baseName, isKernelFile } from '../boot/paths.ts';
import type { DhcpEvent } from '../dhcp/events/events.ts';
import type { RackEvent } from '../ground/event.ts';
import type { HintName, HintParams } from '../region/reports/hints.ts';
import type { TftpEvent } from '../tftp/events.ts';
import { isDhcpEvent, isHttpEvent, isRefusedReport, isTftpEvent } from './protocol-events.ts';

/**
 * A client with at least this `secs` in its first DISCOVER has asked before. Quirk: Intel's ROMs
 * start counting at 4.
 */
const SILENCE_SECONDS_MIN = 5;
/**
 * Offers without a REQUEST after which the next DISCOVER gives a hint: the last offer was not taken
 * either.
 */
const OFFERS_UNTAKEN_MAX = 3;
/**
 * DISCOVERs within this time, in milliseconds, are copies from several relay agents: RFC 2131 §4.1
 * makes clients wait 3 s or more.
 */
const COPIES_MS = 200;
/** Loads of the same loader without a kernel, within LOOP_MS_MAX, that give a hint. */
const LOADS_MAX = 3;
const LOOP_MS_MAX = 600_000;
/** The share of blocks sent again, of a file with at least LOSS_BLOCKS_MIN blocks, that gives a hint. */
const LOSS_SHARE_MIN = 0.1;
const LOSS_BLOCKS_MIN = 50;
/** Boots with an address of another server, after an offer of boot files alone, that load nothing. */
const IGNORED_BOOTS_MAX = 2;
/** Transfers without any acknowledged block that give a hint. */
const UNACKNOWLEDGED_MAX = 2;

/** A hint: the name of its pattern, and what its sentence needs. */
export type Hint = HintParams & { readonly hint: HintName };

/** True for files that our loaders cannot continue without. */
const isNeededFile = (file: string): boolean =>
  isKernelFile(file) || /(?:^|\/)(?:grub(?:x64|aa64|ia32)\.efi|ldlinux\.(?:c32|e32|e64))$/i.test(file);

/** Watches the steps of one machine. */
export class BootWatch {
  /** The hints of this boot; `undefined` if there are none, as in nearly every boot. */
  #givenHints: Set<HintName> | undefined;
  #stepCount = 0;
  /** Consecutive offers that were not taken, the last one at `#offeredAt`. */
  #offerCount = 0;
  #offeredAt = 0;
  #unacknowledgedCount = 0;
  /** In proxy mode: consecutive boots that took an address and loaded nothing before they asked again. */
  #ignoredBoots = 0;
  /** This boot was offered a file in proxy mode and took its address from the other server. */
  #hasAddressOnly = false;
  #offeredFile: string | undefined;
  #loadCount = 0;
  #firstLoadAt = 0;
  /** The last file that was loaded, if HTTP was used for it. */
  #lastHttpFile: string | undefined;

  /** Starts a new boot. The count of loads continues, because a loop spans several boots. */
  begin(): void {
    this.#givenHints = undefined;
    this.#stepCount = 0;
    this.#offerCount = 0;
    this.#unacknowledgedCount = 0;
    this.#lastHttpFile = undefined;
  }

  /** Takes an event. @returns hints that were not yet given in this boot */
  observe(event: RackEvent): readonly Hint[] {
    const hints = isDhcpEvent(event) ? this.#observeDhcp(event) : this.#observeFiles(event);
    this.#stepCount += 1;
    if (hints.length === 0) return hints;
    const givenHints = this.#givenHints ?? new Set();
    this.#givenHints = givenHints;
    const newHints = hints.filter(({ hint }) => !givenHints.has(hint));
    for (const { hint } of newHints) givenHints.add(hint);
    return newHints;
  }

  #observeDhcp(event: DhcpEvent): readonly Hint[] {
    switch (event.kind) {
      case 'dhcp.offer':
        return this.#observeOffer(event);
      case 'dhcp.elsewhere':
        this.#hasAddressOnly = this.#offerCount > 0 && event.client !== undefined && this.#offeredFile !== undefined;
        this.#offerCount = 0;
        return [];
      case 'dhcp.ack':
        this.#offerCount = 0;
        return [];
      case 'dhcp.boot-server':
        this.#clearIgnored();
        return [];
      case 'dhcp.refused':
        return event.reason === 'other-server-chosen' ? [{ hint: 'other-server' }] : [];
      default:
        return [];
    }
  }

  #observeOffer({ at, client, file, architecture, waitedSeconds, proxied }: DhcpEvent): readonly Hint[] {
    const hints: Hint[] = [];
    const waitedSecondsOrZero = waitedSeconds ?? 0;
    if (this.#stepCount === 0 && waitedSecondsOrZero >= SILENCE_SECONDS_MIN)
      hints.push({ hint: 'asked-before-heard', seconds: waitedSecondsOrZero });
    this.#offeredFile = file;
    if (this.#hasAddressOnly) this.#ignoredBoots += 1;
    this.#hasAddressOnly = false;
    if (this.#ignoredBoots >= IGNORED_BOOTS_MAX) hints.push({ hint: 'proxy-offer-ignored', times: this.#ignoredBoots });
    const isCopy = this.#offerCount > 0 && Math.abs(at - this.#offeredAt) < COPIES_MS;
    if (!isCopy && this.#offerCount >= OFFERS_UNTAKEN_MAX)
      hints.push({ hint: 'offer-not-taken', proxied, times: this.#offerCount });
    if (!isCopy) {
      this.#offerCount += 1;
      this.#offeredAt = at;
    }
    // U-Boot needs no file.
    if (client !== undefined && client !== 'u-boot' && file === undefined)
      hints.push({ hint: 'no-loader', client, architecture: architecture ?? 0 });
    return hints;
  }

  #observeFiles(event: RackEvent): readonly Hint[] {
    if (isTftpEvent(event) || isHttpEvent(event)) this.#clearIgnored();
    if (isTftpEvent(event)) {
      switch (event.kind) {
        case 'tftp.sent':
          return [...this.#observeTftpLoad(event), ...this.#findLoss(event)];
        case 'tftp.missing':
          return this.#observeMissing(event.file);
        case 'tftp.timed-out':
          return this.#observeTimeout(event);
        default:
          return [];
      }
    }
    if (!isHttpEvent(event)) return [];
    switch (event.kind) {
      case 'http.file-sent':
      case 'http.rendered':
        this.#lastHttpFile = event.file?.replace(/^\/+/, '');
        return this.#observeLoad(event.file, event.purpose, event.at);
      case 'http.missing':
        return this.#observeMissing(event.file);
      case 'http.tls-failed':
        return this.#offeredFile?.startsWith('https:') === true ? [{ hint: 'tls-failed', reason: event.reason }] : [];
      case 'http.posted':
        if (!isRefusedReport(event)) return [];
        return [{ hint: 'report-refused', status: event.status, reason: event.reason, said: event.said }];
      default:
        return [];
    }
  }

  #observeLoad(file: string | undefined, purpose: string | undefined, at: number): readonly Hint[] {
    this.#offerCount = 0;
    if (purpose !== undefined) {
      if (purpose === 'chain') return [];
      this.#loadCount = 0;
      return PURPOSE_PROBLEMS[purpose] === undefined ? [] : [{ hint: 'cannot-start', purpose }];
    }
    if (file === undefined) return [];
    if (isKernelFile(file)) this.#loadCount = 0;
    if (this.#offeredFile === undefined || baseName(file) !== baseName(this.#offeredFile)) return [];
    if (this.#loadCount === 0 || at - this.#firstLoadAt > LOOP_MS_MAX) {
      this.#loadCount = 0;
      this.#firstLoadAt = at;
    }
    this.#loadCount += 1;
    if (this.#loadCount < LOADS_MAX) return [];
    return [{ hint: 'loader-loop', file: baseName(file), times: this.#loadCount }];
  }

  /** GRUB loads a kernel by TFTP, too, if it could not start what it has loaded by HTTP (boot/grub.ts). */
  #observeTftpLoad({ file, purpose, at }: TftpEvent): readonly Hint[] {
    const isAgain = file !== undefined && file.replace(/^\/+/, '') === this.#lastHttpFile;
    this.#lastHttpFile = undefined;
    const hints = this.#observeLoad(file, purpose, at);
    return isAgain && purpose === undefined ? [...hints, { hint: 'kernel-refused', file }] : hints;
  }

  #clearIgnored(): void {
    this.#hasAddressOnly = false;
    this.#ignoredBoots = 0;
  }

  #observeMissing(file: string | undefined): readonly Hint[] {
    if (file === undefined) return [];
    const isOffered = this.#offeredFile !== undefined && baseName(file) === baseName(this.#offeredFile);
    if (!isOffered && !isNeededFile(file)) return [];
    return [{ hint: 'file-missing', file }];
  }

  #observeTimeout({ file, bytes, blockBytes }: TftpEvent): readonly Hint[] {
    if ((bytes ?? 0) > 0) return [{ hint: 'transfer-stalled', file }];
    this.#unacknowledgedCount += 1;
    if (this.#unacknowledgedCount < UNACKNOWLEDGED_MAX) return [];
    return [{ hint: 'transfer-unheard', times: this.#unacknowledgedCount, blockBytes }];
  }

  #findLoss({ bytes, blockBytes, repeatedBlocks, file }: TftpEvent): readonly Hint[] {
    const blocks = Math.ceil((bytes ?? 0) / (blockBytes ?? 512));
    const repeatedCount = repeatedBlocks ?? 0;
    if (blocks < LOSS_BLOCKS_MIN || repeatedCount < blocks * LOSS_SHARE_MIN) return [];
    return [{ hint: 'packets-lost', file, times: repeatedCount, blocks }];
  }
}
