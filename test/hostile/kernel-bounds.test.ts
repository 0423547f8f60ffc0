// The rows of the bounds that the code does not name (docs/reference/bounds.md#of-the-host) say what the unit, Node and the kernel do.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CONNECTIONS_MAX as DNS_CONNECTIONS_MAX } from '../../src/dns/server.ts';
import { FILES_OPEN_MAX } from '../../src/files/file-tree.ts';
import { type Ipv4, parseIpv4 } from '../../src/ground/address.ts';
import { CONNECTIONS_MAX, listen } from '../../src/http/server.ts';
import { EpollSockets } from '../../src/net/datagrams/peer-epoll.ts';
import { loadLibc } from '../../src/net/linux/libc.ts';
import { EVENTFD_FLAGS } from '../../src/net/linux/wire-structs.ts';
import { CONNECTIONS_MAX as INSTRUMENT_CONNECTIONS_MAX } from '../../src/observe/instrument-server.ts';
import { CONNECTIONS_MAX as REGION_CONNECTIONS_MAX } from '../../src/region/http/listener-limits.ts';
import { TRANSFERS_MAX, UNANSWERED_MAX } from '../../src/tftp/places.ts';
import { portOf } from '../support/listening-port.ts';
import { missing } from '../support/needs.ts';

/** The queue of a listener, when none is asked for (node:net, `server.listen`). */
const LISTEN_BACKLOG = 511;
/** In systemd/rackboot.service. */
const FILES_OF_UNIT = 65_536;
const UNIT = join(import.meta.dirname, '..', '..', 'systemd', 'rackboot.service');
const LOOPBACK: Ipv4 = parseIpv4('127.0.0.1') ?? assert.fail();

const setting = (name: string): number => Number(readFileSync(`/proc/sys/${name}`, 'utf8'));
const sockets = (...words: readonly string[]): string => execFileSync('ss', ['-Hn', ...words], { encoding: 'utf8' });

describe('the bounds of the host', () => {
  it('LimitNOFILE of the unit is more than all clients together can hold', () => {
    assert.match(readFileSync(UNIT, 'utf8'), new RegExp(`^LimitNOFILE=${FILES_OF_UNIT}$`, 'm'));
    // A request that is passed on to the region holds two.
    const connections = 2 * CONNECTIONS_MAX + REGION_CONNECTIONS_MAX + DNS_CONNECTIONS_MAX + INSTRUMENT_CONNECTIONS_MAX;
    const held = UNANSWERED_MAX + TRANSFERS_MAX + FILES_OPEN_MAX + connections;
    assert.equal(Math.round(held / 1000), 15, `${held}`);
    assert.ok(held < FILES_OF_UNIT / 4);
  });

  it('a listener queues as many connections as the row says', { skip: missing('linux', 'ss') }, async () => {
    const server = createServer();
    await listen(server, { host: '127.0.0.1', port: 0 });
    try {
      const [, , queue] = sockets('-lt', 'sport', '=', `:${portOf(server)}`)
        .trim()
        .split(/\s+/);
      assert.equal(Number(queue), Math.min(LISTEN_BACKLOG, setting('net/core/somaxconn')));
    } finally {
      server.close();
    }
  });

  it('the socket of a transfer has the default receive buffer, not that of a door', {
    skip: missing('linux', 'ss'),
  }, () => {
    const libc = loadLibc();
    const waker = libc.eventfd(0, EVENTFD_FLAGS);
    const ignore = (): void => undefined;
    const socket = new EpollSockets(libc, waker).open(
      { local: LOOPBACK, peer: LOOPBACK, port: 9, avoidedPort: undefined },
      { onDatagram: ignore, onStray: () => undefined, onUnreachable: ignore, onRefused: ignore, onFailure: ignore },
    );
    const [, bytes] = /\brb(\d+)/.exec(sockets('-aum', 'sport', '=', `:${socket.localPort}`)) ?? [];
    socket.close();
    libc.close(waker);
    assert.equal(Number(bytes), setting('net/core/rmem_default'));
  });
});
