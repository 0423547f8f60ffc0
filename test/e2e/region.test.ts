// The region over real sockets, with existing clients and with malformed requests.
// @host waits

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { RackError } from '../../src/ground/errors.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import { startApi } from '../../src/region/http/server.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { type LiveRegion, startRegion } from '../region/live.ts';
import { portOf } from '../support/listening-port.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { seededRandom } from '../support/seeded-random.ts';

const run = promisify(execFile);
const AGENT = join(import.meta.dirname, '../../src/images/agent/agent.sh');

async function withLive(
  work: (live: LiveRegion) => Promise<void>,
  overrides: Parameters<typeof startRegion>[0] = {},
): Promise<void> {
  const live = await startRegion(overrides);
  try {
    await work(live);
  } finally {
    await live.close();
  }
}

/** Writes bytes to the port, pauses between them, and returns what came back until the other side closed or `ms` went by. */
function converse(port: number, pieces: readonly (string | Buffer)[], ms = 1500): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const end = systemClock.schedule(ms, () => socket.destroy());
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      end.cancel();
      resolve(text);
    });
    void (async () => {
      for (const piece of pieces) {
        if (!socket.destroyed) socket.write(piece);
        await sleep(5);
      }
    })();
  });
}

test('curl enlists a machine and reads it back with a key', { skip: missing('curl') }, () =>
  withLive(async ({ origin, authorization }) => {
    const fields = ['-F', 'op=new', '-F', 'architecture=amd64/generic', '-F', 'mac_addresses=52:54:00:00:00:01'];
    const made = await run('curl', ['-sS', ...fields, `${origin}/MAAS/api/1.0/nodes/`]);
    const { system_id: id } = JSON.parse(made.stdout);
    const read = await run('curl', [
      '-sS',
      '-H',
      `Authorization: ${authorization}`,
      `${origin}/MAAS/api/2.0/machines/${id}/`,
    ]);
    assert.equal(JSON.parse(read.stdout).status_name, 'New');
  }),
);

test('the agent that the region serves reports this very host, in busybox', { skip: missing('busybox', 'curl') }, () =>
  withLive(async ({ origin, region }) => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-agent-'));
    try {
      const script = join(directory, 'agent.sh');
      await run('curl', ['-sSf', '-o', script, `${origin}/MAAS/rackboot/agent.sh`]);
      for (const name of ['poweroff', 'reboot']) {
        writeFileSync(join(directory, name), '#!/bin/sh\nexit 1\n');
        chmodSync(join(directory, name), 0o755);
      }
      const env = { PATH: `${directory}:${process.env.PATH}`, RACKBOOT_STAY: '1', RACKBOOT_TMP: directory };
      const facts = JSON.parse((await run('busybox', ['sh', AGENT, 'facts'], { env })).stdout);
      if (facts.nics.length === 0) {
        // A host without a network card of its own has nothing to enlist with; the agent says so.
        await assert.rejects(run('busybox', ['sh', script, `${origin}/MAAS`], { env }));
        assert.equal(await region.store.countMachines({}), 0);
        return;
      }
      await run('busybox', ['sh', script, `${origin}/MAAS`], { env });
      const [machine] = await region.store.listMachines({}, 0, 10);
      assert.equal(machine?.facts?.cpu.count, facts.cpu.count);
      assert.equal(machine?.facts?.memory_mib, facts.memory_mib);
      assert.equal(machine?.facts?.disks.length, facts.disks.length);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }),
);

test('a key that another process creates is valid at once', () =>
  withLive(async ({ origin, config }) => {
    const store = openRegionStore({ stateDir: config.stateDir });
    const authorization = authorizationOf(await createApiKey(store, systemClock, 'admin'));
    await store.close();
    const answer = await fetch(`${origin}/MAAS/api/2.0/users/?op=whoami`, { headers: { authorization } });
    assert.equal(answer.status, 200);
  }));

test('a taken port is an error that says so; an address that is not here is waited for', () =>
  withLive(async ({ region, config, port }) => {
    await assert.rejects(
      startApi(region, { ...config, listen: [{ host: '127.0.0.1', port }] }),
      (error) => error instanceof RackError && error.code === 'address-in-use',
    );
    const problems: string[] = [];
    const listen = [
      { host: '203.0.113.77', port: 0 },
      { host: '127.0.0.1', port: 0 },
    ];
    const api = await startApi(
      region,
      { ...config, listen },
      { onProblem: ({ note }) => void problems.push(note.note) },
    );
    assert.equal(api.addresses.length, 1);
    assert.deepEqual(problems, ['listener-waits']);
    const before = Number(/\d+$/.exec(api.addresses[0] ?? '')?.[0]);
    await api.configure({ ...config, listen: [...listen, { host: '127.0.0.2', port: 0 }] });
    assert.equal(api.addresses.length, 2);
    assert.equal((await fetch(`http://127.0.0.1:${before}/MAAS/api/version/`)).status, 200);
    await assert.rejects(api.configure({ ...config, listen: [{ host: '127.0.0.1', port }] }));
    assert.equal(api.addresses.length, 2);
    await api.configure({ ...config, listen: [{ host: '127.0.0.2', port: 0 }] });
    assert.equal(api.addresses.length, 1);
    await api.close();
    // The port is free again.
    const again = createServer().listen(before, '127.0.0.1');
    await new Promise((resolve) => again.once('listening', resolve));
    again.close();
  }));

test('a listener that closes answers every client that connected before', () =>
  withLive(async ({ api, config }) => {
    const door = async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const port = portOf(server);
      await new Promise((resolve) => server.close(resolve));
      return { host: '127.0.0.1', port };
    };
    const [before, after] = [await door(), await door()];
    await api.configure({ ...config, listen: [before, after] });
    const answers = Array.from(
      { length: 64 },
      () =>
        new Promise<string>((resolve) => {
          const socket = connect(before.port, before.host);
          let text = '';
          socket.on('data', (bytes) => {
            text += bytes.toString('latin1');
          });
          socket.on('error', (error) => resolve(error.message));
          socket.on('close', () => resolve(text.slice(0, 15)));
          socket.write('GET /MAAS/api/version/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        }),
    );
    // The kernel has every connection, this process none of them.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    await api.configure({ ...config, listen: [after] });
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['HTTP/1.1 200 OK']));
    assert.equal(api.addresses.length, 1);
  }));

test('any bytes on the socket leave the region answering', () =>
  withLive(async ({ origin, port, problems }) => {
    const seed = Number(process.env.SEED ?? 20_261);
    const random = seededRandom(seed);
    const head =
      'POST /MAAS/api/2.0/machines/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n';
    const fixed: (readonly (string | Buffer)[])[] = [
      ['\r\n\r\n\r\n'],
      ['GET'],
      ['GET / HTTP/9.9\r\n\r\n'],
      [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
      [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`],
      [`${head}Content-Length: 99999999999\r\n\r\nx`],
      [`${head}Content-Length: -1\r\n\r\n`],
      [`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
      [`${head}Transfer-Encoding: chunked\r\n\r\nffffffff\r\n`],
      [`${head}Content-Length: 10\r\n\r\n`, 'a=%', '0'],
      ['GET /MAAS/api/2.0/machines/%00%ff/ HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['GET /MAAS/api/2.0/machines/?op=%ff&op=%00 HTTP/1.1\r\n\r\n'],
      [Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00])],
    ];
    const mutated = Array.from({ length: 30 }, () => {
      const bytes = Buffer.from(`${head}Content-Length: 40\r\n\r\narchitecture=amd64&mac_addresses=52:54:00`);
      for (let count = 0; count < 5; count += 1) bytes[Math.floor(random() * bytes.length)] = random() * 256;
      return [bytes.subarray(0, Math.floor(random() * bytes.length) + 1)];
    });
    await Promise.all([...fixed, ...mutated].map((pieces) => converse(port, pieces, 400)));
    const answer = await fetch(`${origin}/MAAS/api/version/`);
    assert.equal(await answer.text(), '2.0', `seed ${seed}`);
    assert.deepEqual(problems, [], `seed ${seed}`);
  }));
