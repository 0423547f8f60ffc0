// One entry of `hosts`, as written: the client or place for which an address is reserved, with its
// other properties.
//
// 1. An entry names a client (mac, client_id, duid: any one must match) or a place (circuit_id,
//    remote_id: all that are named must match), never both, as that would not say what the same
//    client gets at another place.

import { z } from 'zod';
import { optionList } from './option-list.ts';
import { hostLabel, ipv4, mac, textual } from './written-values.ts';

/** The longest client identifier, circuit id and remote id: the length is one byte. */
const IDENTIFIER_BYTES_MAX = 255;
/** A type of two bytes and 1 to 128 bytes (RFC 8415 §11.1). */
const DUID_BYTES_MIN = 3;
const DUID_BYTES_MAX = 130;

const OCTETS = /^[0-9a-f]{2}(:[0-9a-f]{2})+$/i;
const HEX_BYTES = /^0x((?:[0-9a-f]{2})+)$/i;

/** Bytes as text, one character per byte; `undefined` if there are too few or too many. */
function toLatin1(bytes: Buffer, low: number, high: number): string | undefined {
  return bytes.length < low || bytes.length > high ? undefined : bytes.toString('latin1');
}

/** Option 61. Text that looks like hexadecimal bytes is read as bytes. */
const clientId = textual('a client identifier: bytes such as ff:00:12:34, or a text, at most 255 bytes', (text) => {
  const bytes = OCTETS.test(text) ? Buffer.from(text.replaceAll(':', ''), 'hex') : Buffer.from(text, 'utf8');
  return toLatin1(bytes, 1, IDENTIFIER_BYTES_MAX);
});

/** The DUID at the end of option 61 (RFC 4361). */
const duid = textual('a DUID: 3 to 130 bytes such as 00:03:00:01:52:54:00:12:34:56', (text) => {
  const digits = OCTETS.test(text) ? text.replaceAll(':', '') : HEX_BYTES.exec(text)?.[1];
  return digits === undefined ? undefined : toLatin1(Buffer.from(digits, 'hex'), DUID_BYTES_MIN, DUID_BYTES_MAX);
});

/**
 * A sub-option of option 82, as `leases show` prints it. Text that starts with 0x must be
 * hexadecimal bytes.
 */
const relayIdentifier = (what: string) =>
  textual(
    `${what} as sent by the relay: a text, or bytes in quotes such as "0x0004001a", at most 255 bytes`,
    (text) => {
      const digits = HEX_BYTES.exec(text)?.[1];
      if (digits === undefined && /^0x/i.test(text)) return undefined;
      const bytes = digits === undefined ? Buffer.from(text, 'utf8') : Buffer.from(digits, 'hex');
      return toLatin1(bytes, 1, IDENTIFIER_BYTES_MAX);
    },
  );

export const host = z
  .strictObject({
    mac: mac.optional(),
    client_id: clientId.optional(),
    duid: duid.optional(),
    circuit_id: relayIdentifier('a circuit id').optional(),
    remote_id: relayIdentifier('a remote id').optional(),
    ip: ipv4,
    hostname: hostLabel.optional(),
    options: optionList.optional(),
  })
  .superRefine((entry, context) => {
    const hasClient = entry.mac !== undefined || entry.client_id !== undefined || entry.duid !== undefined;
    const hasPlace = entry.circuit_id !== undefined || entry.remote_id !== undefined;
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
    if (!hasClient && !hasPlace)
      refuse('names no client and no place: add mac, client_id or duid, or circuit_id or remote_id');
    if (hasClient && hasPlace)
      refuse(
        'names both a client (mac, client_id, duid) and a place (circuit_id, remote_id); split it into two entries',
      );
  });
