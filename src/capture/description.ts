// The description of a datagram: a summary line, and its fields for people and programs.

import { cleanText, isPrintable } from '../clean-text.ts';
import { counted } from '../counted.ts';

/** One field, with its fault if it has one. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** Its offset in the datagram; undefined if it has no single place. */
  readonly offset?: number | undefined;
  /** Its fault; undefined if it has none. */
  readonly wrong?: string | undefined;
  /** Its parts. */
  readonly parts?: readonly Field[] | undefined;
}

export interface Description {
  readonly protocol: 'dhcp' | 'tftp' | 'dns' | 'udp';
  readonly summary: string;
  readonly fields: readonly Field[];
  /** Why Rackboot cannot decode it; undefined if it can. */
  readonly fault: { readonly text: string; readonly offset: number } | undefined;
}

/** The most bytes shown in full; of more, the first ones and the total are shown. */
const HEX_BYTES_MAX = 64;

/** Bytes as hexadecimal digits, abbreviated. */
export function hexText(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, HEX_BYTES_MAX)).toString('hex');
  return bytes.length <= HEX_BYTES_MAX ? shown : `${shown}… (${counted(bytes.length, 'byte')})`;
}

/** Text with control characters written as `\xNN`, abbreviated. */
export function safeText(text: string): string {
  return cleanText(text.replaceAll('\\', '\\\\'));
}

/** Bytes as text if they are printable, otherwise as hexadecimal digits. */
export function bytesText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1').replace(/\0+$/, '');
  return isPrintable(text) ? `"${safeText(text)}"` : hexText(bytes);
}
