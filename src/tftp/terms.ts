// What client and server agree on before the first block.
// Sources: RFC 2347 (options), RFC 2348 (blksize), RFC 2349 (timeout, tsize), RFC 7440 (windowsize).
//
// 1. An option that is unknown or whose value makes no sense is left out of the answer: the client goes on without it.
// 2. The answer never exceeds what was asked, and repeats `timeout` exactly. RFC 2349 leaves no other answer, so a client may be granted a
//    longer `timeout` than is waited here: it then gets a lost packet again sooner than it asked for.
// 3. One window fits one call that the kernel cuts into datagrams: at most 64 blocks and 65,507 bytes.

import { type Milliseconds, milliseconds } from '../clock.ts';
import { DATA_HEADER_BYTES, type TftpOption } from './packet.ts';

/** Block size without the option (RFC 1350 §2). */
export const BLOCK_BYTES_DEFAULT = 512;
/** Range of `blksize` (RFC 2348 "Blocksize Option Specification"). */
export const BLOCK_BYTES_MIN = 8;
export const BLOCK_BYTES_MAX = 65_464;
/** The largest block that crosses an Ethernet of MTU 1500 unfragmented: 1500 less 20 (IPv4), 8 (UDP) and 4 (TFTP). */
export const BLOCK_BYTES_ETHERNET = 1468;
/** The most blocks of a window that are granted. */
export const WINDOW_BLOCKS_MAX = 64;
/** The most bytes of a window, headers included: what one UDP payload may hold. */
export const WINDOW_BYTES_MAX = 65_507;
/** How long an acknowledgement is waited for at first, unless the client says otherwise. */
export const TIMEOUT_MS_DEFAULT = 1000;
/** The longest wait that a client can have: so that a packet is sent three times within the silence that a transfer survives. */
export const TIMEOUT_MS_MAX = 20_000;

/** The terms of one transfer. */
export interface Terms {
  /** Payload of each block but the last, in bytes. */
  readonly blockBytes: number;
  /** Blocks sent before an acknowledgement is awaited, 1 to WINDOW_BLOCKS_MAX. */
  readonly windowBlocks: number;
  /** First wait for an acknowledgement; without `timeoutAsked` the longest first wait. */
  readonly timeoutMs: Milliseconds;
  /** True when the client has set the wait (RFC 2349): it is then kept to the second, up to TIMEOUT_MS_MAX. */
  readonly timeoutAsked: boolean;
  /** What the answer grants, in the order and spelling of the request; empty: no answer, data at once (RFC 2347). */
  readonly granted: readonly TftpOption[];
}

/**
 * Decides what is granted of a request.
 * @param sizeBytes length of the file, for `tsize`
 * @param blockBytesMax the largest block that the path carries unfragmented
 */
export function negotiateTerms(
  options: readonly TftpOption[],
  sizeBytes: number,
  blockBytesMax: number = BLOCK_BYTES_ETHERNET,
): Terms {
  const asked = (name: string): number | undefined =>
    parseDecimal(options.find((option) => option.name.toLowerCase() === name)?.value);
  const within = (value: number | undefined, low: number, high: number): number | undefined =>
    value !== undefined && value >= low && value <= high ? value : undefined;

  const askedBlock = within(asked('blksize'), BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
  const blockBytes = askedBlock === undefined ? BLOCK_BYTES_DEFAULT : Math.min(askedBlock, blockBytesMax);
  const askedWindow = within(asked('windowsize'), 1, 65_535);
  const windowBlocksMax = Math.min(WINDOW_BLOCKS_MAX, Math.floor(WINDOW_BYTES_MAX / (blockBytes + DATA_HEADER_BYTES)));
  const windowBlocks = Math.min(askedWindow ?? 1, windowBlocksMax);
  const timeoutS = within(asked('timeout'), 1, 255);
  const answers: ReadonlyMap<string, number | undefined> = new Map([
    ['blksize', askedBlock === undefined ? undefined : blockBytes],
    ['windowsize', askedWindow === undefined ? undefined : windowBlocks],
    ['timeout', timeoutS],
    // RFC 2349 has the client send 0; a client that sends anything else is told the size too.
    // Quirk: curl 7.88 ends the transfer when it is told a size of 0, so that of an empty file is left out.
    ['tsize', asked('tsize') === undefined || sizeBytes === 0 ? undefined : sizeBytes],
  ]);
  const granted: TftpOption[] = [];
  for (const { name } of options) {
    const value = answers.get(name.toLowerCase());
    if (value !== undefined) granted.push({ name, value: String(value) });
  }
  return {
    blockBytes,
    windowBlocks,
    timeoutMs: milliseconds(timeoutS === undefined ? TIMEOUT_MS_DEFAULT : Math.min(timeoutS * 1000, TIMEOUT_MS_MAX)),
    timeoutAsked: timeoutS !== undefined,
    granted,
  };
}

/** A number of up to ten decimal digits; undefined for anything else. */
function parseDecimal(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
