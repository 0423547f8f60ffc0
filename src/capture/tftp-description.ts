// Describes a TFTP packet for people. Sources: RFC 1350 §5, RFC 2347, RFC 2348, RFC 2349, RFC 7440.

import { counted } from '../counted.ts';
import { decodePacket, TFTP_ERROR, type TftpOption } from '../tftp/packet.ts';
import { ASKED_WINDOW_MAX, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN } from '../tftp/terms.ts';
import { type Description, type Field, hexText, safeText } from './description.ts';

type ErrorCode = (typeof TFTP_ERROR)[keyof typeof TFTP_ERROR];
const ERROR_NAMES: Readonly<Record<number, string>> = {
  [TFTP_ERROR.notDefined]: 'not defined',
  [TFTP_ERROR.fileNotFound]: 'file not found',
  [TFTP_ERROR.accessViolation]: 'access violation',
  [TFTP_ERROR.diskFull]: 'disk full',
  [TFTP_ERROR.illegalOperation]: 'illegal operation',
  [TFTP_ERROR.unknownTransfer]: 'unknown transfer',
  [TFTP_ERROR.fileExists]: 'file exists',
  [TFTP_ERROR.noSuchUser]: 'no such user',
  [TFTP_ERROR.optionRefused]: 'option refused',
} satisfies Record<ErrorCode, string>;

/** The valid values of options; names are case-insensitive. */
const OPTION_RULES: ReadonlyMap<string, { readonly unit: string; readonly min: number; readonly max: number }> =
  new Map([
    ['blksize', { unit: 'bytes', min: BLOCK_BYTES_MIN, max: BLOCK_BYTES_MAX }],
    ['timeout', { unit: 's', min: 1, max: 255 }],
    ['tsize', { unit: 'bytes', min: 0, max: Number.MAX_SAFE_INTEGER }],
    ['windowsize', { unit: 'blocks', min: 1, max: ASKED_WINDOW_MAX }],
  ]);

/** Describes a packet. */
export function describeTftp(bytes: Uint8Array): Description {
  const decoded = decodePacket(bytes);
  if (!decoded.ok) {
    const { code, field, offset } = decoded.fault;
    return {
      protocol: 'tftp',
      summary: 'malformed TFTP packet',
      fields: [{ name: 'bytes', value: hexText(bytes) }],
      fault: { text: `${code} in ${field} at byte ${offset}`, offset },
    };
  }
  const packet = decoded.value;
  const describe = (summary: string, fields: readonly Field[] = []): Description => {
    return { protocol: 'tftp', summary, fields, fault: undefined };
  };
  switch (packet.kind) {
    case 'read':
    case 'write': {
      const fields = [{ name: 'mode', value: safeText(packet.mode) }, ...packet.options.map(describeOption)];
      return describe(`${packet.kind} "${safeText(packet.file)}"`, fields);
    }
    case 'data':
      return describe(`data, block ${packet.block}, ${counted(packet.bytes.length, 'byte')}`);
    case 'ack':
      return describe(`ACK, block ${packet.block}`);
    case 'error':
      return describe(`error ${packet.code} ${ERROR_NAMES[packet.code] ?? 'unknown'}: "${safeText(packet.message)}"`);
    case 'options':
      return describe('options granted', packet.options.map(describeOption));
  }
}

function describeOption({ name, value }: TftpOption): Field {
  const rule = OPTION_RULES.get(name.toLowerCase());
  const number = /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  if (rule === undefined) return { name: safeText(name), value: safeText(value) };
  if (number === undefined) return { name: safeText(name), value: safeText(value), wrong: 'not a number' };
  const within = number >= rule.min && number <= rule.max;
  const field = { name: safeText(name), value: `${number} ${rule.unit}` };
  return within ? field : { ...field, wrong: `outside ${rule.min} to ${rule.max}` };
}
