import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import { askDaemon, followDaemon } from '../../src/control/ask-daemon.ts';
import { CONTROL_BODY_BYTES_MAX, type ControlAnswers } from '../../src/control/requests.ts';
import { ControlServer } from '../../src/control/server.ts';
import { RackError } from '../../src/ground/errors.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';
import { ListInPieces } from '../../src/http/send.ts';
import { makeRegion } from '../http/rig.ts';
import { portOf } from '../support/listening-port.ts';

let stateDir = '';
let path = '';
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'rackboot-control-'));
  path = join(stateDir, CONTROL_SOCKET);
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

function make(answers: ControlAnswers, region?: { readonly host: string; readonly port: number }): ControlServer {
  return new ControlServer({ stateDir, answers: () => answers, region: () => region, secret: 'administrator' });
}

function ask(target: string, method = 'GET'): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: path, path: target, method }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
      answer.on('error', reject);
    });
    asking.on('error', reject);
    asking.end();
  });
}

async function* pieces(all: readonly (readonly unknown[])[]): AsyncGenerator<readonly unknown[]> {
  yield* all;
}

test('each path is answered with its value as JSON; only its user can open the socket', async () => {
  const list = Array.from({ length: 1001 }, (_, index) => ({ index, name: `m${index}` }));
  const control = make({
    '/status': () => ({ name: 'rack-1', nothing: undefined }),
    '/later': () => Promise.resolve([1, 2]),
    '/leases': () => list,
    '/pieces': () => new ListInPieces(pieces([[1, 2], [], [{ a: 3 }]])),
    '/no-pieces': () => new ListInPieces(pieces([[]])),
    '/none': () => undefined,
    '/wrong': () => {
      throw new Error('the reason');
    },
  });
  await control.open();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(await ask('/status'), { status: 200, text: '{"name":"rack-1"}\n' });
  assert.deepEqual(await ask('/later?x'), { status: 200, text: '[1,2]\n' });
  assert.deepEqual(JSON.parse((await ask('/leases')).text), list);
  assert.deepEqual(JSON.parse((await ask('/pieces')).text), [1, 2, { a: 3 }]);
  assert.deepEqual(JSON.parse((await ask('/no-pieces')).text), []);
  assert.deepEqual(await ask('/pieces', 'HEAD'), { status: 200, text: '' });
  assert.deepEqual(await ask('/none'), { status: 200, text: 'null\n' });
  assert.deepEqual(await ask('/wrong'), { status: 500, text: 'the reason\n' });
  assert.deepEqual(await ask('/leases', 'HEAD'), { status: 200, text: '' });
  assert.equal((await ask('/status', 'POST')).status, 405);
  assert.equal((await ask('/%zz')).status, 400);
  for (const other of ['/', '/constructor', '/__proto__', '/toString']) {
    const got = await ask(other);
    assert.equal(got.status, 404, other);
    assert.match(got.text, /there are \/status, \/later/);
  }
  await control.close();
  assert.equal(existsSync(path), false);
});

test('requests to the region have administrator rights', async () => {
  const region = makeRegion((incoming, response) =>
    response.end(JSON.stringify([incoming.headers['x-rackboot-control'], incoming.headers['x-rackboot-rack'] ?? null])),
  );
  region.listen(0, '127.0.0.1');
  await once(region, 'listening');
  const port = portOf(region);
  const control = make({}, { host: '127.0.0.1', port });
  await control.open();
  assert.deepEqual(await ask('/MAAS/api/2.0/machines/'), { status: 200, text: '["administrator",null]' });
  region.close();
  region.closeAllConnections();
  assert.equal((await ask('/MAAS/api/2.0/machines/')).status, 503);
  await control.close();
});

test('a second Rackboot on a state directory is refused, and the first is unaffected', async () => {
  const first = make({ '/who': () => 'first' });
  await first.open();
  await assert.rejects(make({}).open(), { code: 'already-running' });
  assert.equal((await ask('/who')).text, '"first"\n');
  await first.close();
});

test('a stale socket is replaced', async () => {
  const gone = createSocketServer();
  gone.listen(path);
  await once(gone, 'listening');
  // The file remains if its listener dies without removing it, as after kill -9; here a link preserves it.
  linkSync(path, `${path}.kept`);
  gone.close();
  await once(gone, 'close');
  renameSync(`${path}.kept`, path);
  const control = make({ '/who': () => 'second' });
  await control.open();
  assert.equal((await ask('/who')).text, '"second"\n');
  await control.close();
});

test('a file in the way is named, not removed', async () => {
  writeFileSync(path, 'mine');
  await assert.rejects(make({}).open(), { code: 'socket-refused', message: /in the way/ });
  assert.ok(existsSync(path));
});

test('a missing directory is named', async () => {
  rmSync(stateDir, { recursive: true });
  await assert.rejects(make({}).open(), { name: 'RackError', message: new RegExp(stateDir) });
});

test('parameters reach the handler, POST only reaches handlers named so, and bad arguments get their own status', async () => {
  const control = make({
    '/trace': ({ query }) => ({ mac: query.get('mac'), none: query.get('none') }),
    'POST /level': ({ query }) => query.get('level'),
    '/bad': () => {
      throw new RackError('bad-argument', 'give a MAC');
    },
    '/lost': () => {
      throw new RackError('not-found', 'no such machine');
    },
  });
  await control.open();
  assert.deepEqual(await ask('/trace?mac=52%3A54&x=1'), { status: 200, text: '{"mac":"52:54","none":null}\n' });
  assert.deepEqual(await ask('/level?level=debug', 'POST'), { status: 200, text: '"debug"\n' });
  assert.deepEqual(await ask('/level'), { status: 405, text: 'this path accepts only POST\n' });
  assert.deepEqual(await ask('/trace', 'POST'), { status: 405, text: 'this path accepts only GET and HEAD\n' });
  assert.equal((await ask('/trace', 'DELETE')).status, 405);
  assert.deepEqual(await ask('/bad'), { status: 400, text: 'give a MAC\n' });
  assert.deepEqual(await ask('/lost'), { status: 404, text: 'no such machine\n' });
  await assert.rejects(askDaemon(stateDir, '/bad'), { code: 'bad-argument', message: 'give a MAC' });
  await control.close();
});

test('a stream is sent line by line, and ends with its reader', async () => {
  let ended = false;
  async function* count() {
    try {
      for (let value = 0; ; value += 1) {
        yield { value };
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      ended = true;
    }
  }
  const control = make({ '/count': () => count(), '/few': () => Readable.from([1, 2]) });
  await control.open();
  assert.deepEqual(await ask('/few'), { status: 200, text: '1\n2\n' });
  const seen: unknown[] = [];
  const stop = new AbortController();
  await followDaemon(
    stateDir,
    '/count',
    (value) => {
      seen.push(value);
      if (seen.length === 100) stop.abort();
    },
    stop.signal,
  );
  assert.deepEqual(seen[99], { value: 99 });
  while (!ended) await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(
    followDaemon(stateDir, '/nowhere', () => undefined, new AbortController().signal),
    { code: 'not-found' },
  );
  await control.close();
});

test('a body is read only if the handler asks for it, and only up to the bound', async () => {
  const control = make({
    'POST /echo': async ({ body }) => ({ length: (await body()).length }),
    'POST /deaf': () => 'not asked',
  });
  await control.open();
  const send = (target: string, bytes: number): Promise<unknown> =>
    askDaemon(stateDir, target, 'POST', 'x'.repeat(bytes), { contentType: 'application/json' });
  assert.deepEqual(await send('/echo', 100_000), { length: 100_000 });
  assert.deepEqual(await send('/echo', 0), { length: 0 });
  assert.equal(await send('/deaf', 1000), 'not asked');
  await assert.rejects(
    send('/echo', CONTROL_BODY_BYTES_MAX + 1),
    (error: unknown) => error instanceof RackError && ['bad-argument', 'not-running'].includes(error.code),
  );
  assert.deepEqual(await send('/echo', 1), { length: 1 });
  await control.close();
});
