// Packets that only a client sends: requests and acknowledgements (RFC 1350 §5, RFC 2347).

import type { TftpRequest } from '../../src/tftp/packet.ts';

export function encodeRequest(request: TftpRequest): Uint8Array {
  const parts = [request.file, request.mode, ...request.options.flatMap(({ name, value }) => [name, value])];
  return Buffer.from(`\0${request.kind === 'read' ? '\x01' : '\x02'}${parts.join('\0')}\0`, 'utf8');
}

/** @param block absolute number of a block; its low 16 bits are sent */
export const encodeAck = (block: number): Uint8Array => Uint8Array.of(0, 4, (block >> 8) & 255, block & 255);
