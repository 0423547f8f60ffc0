// The magic packet of Wake-on-LAN. Source: AMD, Magic Packet Technology (white paper 20213).
//
// 1. A card looks for the pattern anywhere in a frame, so one pattern serves the frame with an
//    EtherType of its own and the UDP datagram to the discard port.

import { type MacAddress, macToBytes } from '../../ground/address.ts';

export const ETHERTYPE_WAKE = 0x0842;
/** The discard port (RFC 863): no host answers. */
export const WAKE_PORT = 9;

const SYNCHRONIZATION_BYTES = 6;
const REPETITIONS = 16;

/** @param password of SecureOn, 4 or 6 bytes; `undefined` if there is none */
export function encodeMagicPacket(mac: MacAddress, password: Uint8Array = new Uint8Array()): Uint8Array {
  const address = macToBytes(mac);
  const passwordOffset = SYNCHRONIZATION_BYTES + REPETITIONS * address.length;
  const bytes = new Uint8Array(passwordOffset + password.length);
  bytes.fill(0xff, 0, SYNCHRONIZATION_BYTES);
  for (let index = 0; index < REPETITIONS; index += 1) bytes.set(address, SYNCHRONIZATION_BYTES + index * 6);
  bytes.set(password, passwordOffset);
  return bytes;
}
