// What is said of a datagram: one line, and its fields as a person or a program reads them.

import { cleanText, isPrintable } from '../clean-text.ts';
import { counted } from '../counted.ts';

/** One field, with what is wrong about it. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** Where it begins in the datagram; undefined: nowhere in particular. */
  readonly offset?: number | undefined;
  /** What is wrong with it; undefined: nothing. */
  readonly wrong?: string | undefined;
  /** What it consists of. */
  readonly parts?: readonly Field[] | undefined;
}

export interface Description {
  readonly protocol: 'dhcp' | 'tftp' | 'dns' | 'udp';
  readonly summary: string;
  readonly fields: readonly Field[];
  /** Why Rackboot does not understand it; undefined: it does. */
  readonly fault: { readonly text: string; readonly offset: number } | undefined;
}

/** Bytes shown in full; of more the first ones are, and their number. */
const HEX_BYTES_MAX = 64;

/** Bytes as hexadecimal digits, shortened. */
export function hexText(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, HEX_BYTES_MAX)).toString('hex');
  return bytes.length <= HEX_BYTES_MAX ? shown : `${shown}… (${counted(bytes.length, 'byte')})`;
}

/** Text with everything that a terminal would act on written as `\xNN`, shortened. */
export function safeText(text: string): string {
  return cleanText(text.replaceAll('\\', '\\\\'));
}

/** Bytes as text where they are printable, else as hexadecimal digits. */
export function bytesText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1').replace(/\0+$/, '');
  return isPrintable(text) ? `"${safeText(text)}"` : hexText(bytes);
}
