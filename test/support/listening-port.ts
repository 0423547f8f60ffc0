// The port of a server that a test has started.

import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';

/** The port on which a server listens. */
export function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null, 'it does not listen on a port');
  return address.port;
}
