// The address of a host in one form, however it is written, because limits and shares count by this
// text. Sources: RFC 7239 §6 (quotes, brackets and ports); RFC 4291 §2.2 (many texts for one IPv6
// address), §2.5.5.2 (IPv4-mapped).
// 1. The form is that in which a socket reports the address, without a zone. An IPv4-mapped address
//    becomes IPv4.

import { isIPv6, SocketAddress } from 'node:net';
import { parseIpv4, withoutIpv4Mapping } from '../ground/address.ts';

/** An IPv4 address, or one in brackets, with a port or without. */
const WITH_PORT = /^(?:([\d.]+)|\[([^\]]*)\])(?::[\w.-]*)?$/;

/**
 * The address in a text that may add quotes, brackets and a port; `undefined` if it is not an
 * address, as in `unknown`.
 */
export function parseHostAddress(text: string): string | undefined {
  const unquoted = text.replace(/^"(.*)"$/, '$1');
  const [, ipv4, bracketed] = WITH_PORT.exec(unquoted) ?? [];
  const [withoutZone = ''] = (ipv4 ?? bracketed ?? unquoted).split('%', 1);
  const address = withoutIpv4Mapping(withoutZone);
  if (parseIpv4(address) !== undefined) return address;
  if (!isIPv6(address)) return undefined;
  return withoutIpv4Mapping(new SocketAddress({ address, family: 'ipv6' }).address);
}
