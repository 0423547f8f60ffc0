import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { get } from 'node:https';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { ipv4 } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { PIPELINED_MAX } from '../../src/net/shares/connection-shares.ts';
import { makeAuthority } from '../support/authority.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { portOf } from '../support/listening-port.ts';
import { printedRandom } from '../support/printed-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { LOOPBACK, MACHINE, openRig, type Rig, speak } from './rig.ts';

let rig: Rig;
const kernel = Uint8Array.from({ length: 700_001 }, (_, index) => index % 251);
before(async () => {
  rig = await openRig();
  rig.tree.files.set('linux', kernel);
  rig.tree.files.set('grubx64.efi', Buffer.from('loader'));
  rig.tree.files.set('grub/grub.cfg-static', Buffer.from('from the tree'));
  rig.tree.files.set('empty', Buffer.alloc(0));
  rig.tree.files.set('short', Buffer.from('short'));
  rig.tree.files.set('broken', Buffer.from('broken'));
});
after(() => rig.server.close());
beforeEach(() => void rig.events.splice(0));

const HTTP = 'HTTP/1.1\r\nConnection: close\r\n';
const answers: readonly { name: string; ask: string; status: number; has?: RegExp; event?: string }[] = [
  {
    name: 'a file is sent with its length in GRUB’s spelling',
    ask: `GET /grubx64.efi ${HTTP}\r\n`,
    status: 200,
    has: /\r\nContent-Length: 6\r\n[\s\S]*\r\n\r\nloader$/,
    event: 'http.file-sent',
  },
  { name: 'HTTP/1.1 without a Host field is served', ask: `GET /grubx64.efi ${HTTP}\r\n`, status: 200 },
  {
    name: 'two Host fields get 400',
    ask: `GET /grubx64.efi ${HTTP}Host: a\r\nhost: a\r\n\r\n`,
    status: 400,
    event: 'http.refused',
  },
  { name: 'HTTP/1.0 is served', ask: 'GET /grubx64.efi HTTP/1.0\r\n\r\n', status: 200, has: /Content-Length: 6\r\n/ },
  { name: 'shim’s two slashes find the file', ask: `GET //grubx64.efi ${HTTP}\r\n`, status: 200, has: /loader$/ },
  { name: 'an escaped name finds the file', ask: `GET /grub%7864.efi ${HTTP}\r\n`, status: 200, has: /loader$/ },
  {
    name: 'HEAD has the length and no content',
    ask: `HEAD /linux ${HTTP}\r\n`,
    status: 200,
    has: /Content-Length: 700001\r\n[\s\S]*\r\n\r\n$/,
    event: 'http.probed',
  },
  {
    name: 'an empty file has the length 0',
    ask: `GET /empty ${HTTP}\r\n`,
    status: 200,
    has: /Content-Length: 0\r\n/,
  },
  {
    name: 'a range gets a partial answer',
    ask: `GET /grubx64.efi ${HTTP}Range: bytes=2-3\r\n\r\n`,
    status: 206,
    has: /Content-Range: bytes 2-3\/6\r\n[\s\S]*\r\n\r\nad$/,
  },
  {
    name: 'a range beyond the end gets 416',
    ask: `GET /grubx64.efi ${HTTP}Range: bytes=9-\r\n\r\n`,
    status: 416,
    has: /\*\/6/,
  },
  {
    name: 'an unchanged file is not sent again',
    ask: `GET /grubx64.efi ${HTTP}If-None-Match: "6"\r\n\r\n`,
    status: 304,
    has: /ETag: "6"\r\n[\s\S]*\r\n\r\n$/,
    event: 'http.probed',
  },
  {
    name: 'a rendered text has its length in bytes',
    ask: `GET /grub/grub.cfg-52:54:00:12:34:56 ${HTTP}\r\n`,
    status: 200,
    has: /Content-Length: 25\r\n[\s\S]*\r\n\r\n\u00c3\u00a9 2130706433 2130706433\n$/,
    event: 'http.rendered',
  },
  {
    name: 'HEAD of a rendered text has its length and no content',
    ask: `HEAD /grub/grub.cfg ${HTTP}\r\n`,
    status: 200,
    has: /Content-Length: 25\r\n[\s\S]*\r\n\r\n$/,
    event: 'http.probed',
  },
  {
    name: 'a file in the tree takes precedence over rendered text',
    ask: `GET /grub/grub.cfg-static ${HTTP}\r\n`,
    status: 200,
    has: /tree$/,
  },
  {
    name: 'an unknown machine gets 404, so that its loader tries the next name',
    ask: `GET /pxelinux.cfg/01-52-54-00-00-00-01 ${HTTP}\r\n`,
    status: 404,
    has: /not found: machine-unknown\n$/,
    event: 'http.missing',
  },
  {
    name: 'a missing file gets 404',
    ask: `GET /nothing ${HTTP}\r\n`,
    status: 404,
    has: /not-in-tree\n$/,
    event: 'http.missing',
  },
  { name: 'HEAD of a missing file gets 404', ask: `HEAD /nothing ${HTTP}\r\n`, status: 404, has: /\r\n\r\n$/ },
  {
    name: 'a path out of the tree gets 403',
    ask: `GET /../etc/passwd ${HTTP}\r\n`,
    status: 403,
    event: 'http.refused',
  },
  { name: 'a zero byte gets 403', ask: `GET /a%00b ${HTTP}\r\n`, status: 403, event: 'http.refused' },
  { name: 'a broken escape gets 400', ask: `GET /%zz ${HTTP}\r\n`, status: 400, has: /target-escape\n$/ },
  {
    name: 'an overlong target gets 414',
    ask: `GET /${'a'.repeat(3000)} ${HTTP}\r\n`,
    status: 414,
    event: 'http.refused',
  },
  {
    name: 'files accept only GET and HEAD',
    ask: `POST /grubx64.efi ${HTTP}Content-Length: 3\r\n\r\nabc`,
    status: 405,
    has: /Allow: GET, HEAD\r\n/,
    event: 'http.refused',
  },
  {
    name: 'an unreadable file gets 503',
    ask: `GET /broken ${HTTP}\r\n`,
    status: 503,
    has: /Retry-After/,
    event: 'http.failed',
  },
  { name: 'bytes that are not HTTP get 400', ask: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', status: 400 },
  {
    name: 'without a region, /MAAS/ is answered with the missing setting',
    ask: `GET /MAAS/api/2.0/version/ ${HTTP}\r\n`,
    status: 503,
    has: /Retry-After: 5\r\n[\s\S]*this rack has no region/,
    event: 'http.region-unreachable',
  },
];
for (const { name, ask, status, has, event } of answers) {
  test(name, async () => {
    const answer = await rig.speak(ask);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
    if (has !== undefined) assert.match(answer, has);
    if (event !== undefined) {
      await eventuallyWithin(5000, event, () => rig.kinds().length > 0);
      assert.deepEqual(rig.kinds(), [event]);
    }
    await eventuallyWithin(5000, 'closed', () => rig.tree.open_ === 0);
  });
}

test('a long file arrives whole, and its event has bytes, address and time', async () => {
  const answer = await rig.speak(`GET /linux ${HTTP}\r\n`);
  const content = Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1');
  assert.ok(content.equals(kernel));
  await eventuallyWithin(5000, 'told', () => rig.kinds().length === 1);
  const [event] = rig.events;
  assert.ok(event !== undefined && 'milliseconds' in event);
  assert.equal(typeof event.milliseconds, 'number');
  const { at: _at, milliseconds: _milliseconds, ...rest } = event;
  assert.deepEqual(rest, {
    kind: 'http.file-sent',
    address: LOOPBACK,
    mac: MACHINE,
    file: '/linux',
    status: 200,
    bytes: 700_001,
  });
});

test('every event of a request has its path, cleaned and shortened', async () => {
  const odd = '%1b%5b2J%c2%9b%e2%80%ae%f3%a0%81%81';
  for (const ask of [
    `GET /${odd}`,
    `GET /..${odd}`,
    `POST /${odd}`,
    `GET /MAAS/${odd}`,
    `GET /${odd}${'x'.repeat(600)}`,
  ]) {
    rig.events.splice(0);
    await rig.speak(`${ask} ${HTTP}\r\n`);
    await eventuallyWithin(5000, 'told', () => rig.events.length === 1);
    const [event] = rig.events;
    assert.ok(event !== undefined && 'file' in event && typeof event.file === 'string');
    assert.match(event.file, /\\x1b\[2J\\x9b\\u202e\\u\{e0041\}/, ask);
    assert.doesNotMatch(event.file, /[\p{Cc}\p{Cf}]/u);
    assert.ok(event.file.length <= 255, ask);
  }
});

test('a file that ends early ends the connection instead of faking the rest', async () => {
  const answer = await rig.speak(`GET /short ${HTTP}\r\n`);
  assert.ok(!/Content-Length: 5\r\n/.test(answer), 'the announced length is not changed');
  assert.deepEqual(rig.kinds(), ['http.failed']);
});

test('several requests on one connection are answered in order', async () => {
  const one = 'GET /grubx64.efi HTTP/1.1\r\nHost: r\r\n\r\n';
  const answer = await rig.speak(`${one}HEAD /linux HTTP/1.1\r\n\r\nGET /nothing ${HTTP}\r\n`);
  assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404']);
});

test(`${PIPELINED_MAX} requests at once are answered whole, and the last answer announces the end`, async () => {
  const one = 'GET /linux HTTP/1.1\r\n';
  const answer = await rig.speak(`${`${one}\r\n`.repeat(PIPELINED_MAX - 1)}${one}Connection: close\r\n\r\n`);
  assert.equal(answer.match(/HTTP\/1\.1 200/g)?.length, PIPELINED_MAX);
  const bytes = rig.tree.files.get('linux')?.length ?? 0;
  assert.ok(answer.length > PIPELINED_MAX * bytes, `${answer.length} octets`);
  assert.equal(answer.match(/Connection: close/g)?.length, 1);
  await eventuallyWithin(5000, 'closed', () => rig.server.counters().open === 0 && rig.tree.open_ === 0);
});

for (const count of [PIPELINED_MAX + 1, 20_000]) {
  test(`${count} requests at once end the connection, and no more than the bound are begun`, async () => {
    const before = rig.server.counters().requests;
    const socket = createConnection({ port: rig.port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    socket.resume();
    socket.write('GET /linux HTTP/1.1\r\n\r\n'.repeat(count));
    await eventuallyWithin(5000, 'cut off', () => socket.destroyed);
    await eventuallyWithin(5000, 'closed', () => rig.server.counters().open === 0 && rig.tree.open_ === 0);
    assert.ok(rig.server.counters().requests - before <= PIPELINED_MAX);
  });
}

test('a client that asks for a hundred files before reading one gets four of them, and every file is closed', async () => {
  const socket = createConnection({ port: rig.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.pause();
  const before = rig.server.counters().requests;
  socket.write('GET /linux HTTP/1.1\r\n\r\n'.repeat(100));
  await eventuallyWithin(5000, 'asked', () => rig.server.counters().requests > before);
  // The kernel buffers little unread data.
  socket.resume();
  await eventuallyWithin(5000, 'cut off', () => rig.server.counters().open === 0 && rig.tree.open_ === 0);
  socket.destroy();
  assert.ok(rig.server.counters().requests - before <= PIPELINED_MAX);
});

test('a client that disconnects during a download leaves no open file', async () => {
  rig.tree.files.set('huge', new Uint8Array(64 * 1024 * 1024));
  const socket = createConnection({ port: rig.port, host: '127.0.0.1' });
  socket.write('GET /huge HTTP/1.1\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await eventuallyWithin(5000, 'closed', () => rig.tree.open_ === 0);
  assert.deepEqual(rig.kinds(), ['http.aborted']);
  rig.tree.files.delete('huge');
});

test('events that any host can trigger are sampled, counters are not', async () => {
  const before = rig.server.counters().refused;
  for (let index = 0; index < 60; index += 1) await rig.speak(`GET /../scan-${index} ${HTTP}\r\n`);
  assert.equal(rig.server.counters().refused, before + 60);
  assert.ok(rig.kinds().length < 60);
});

test('after random bytes the server still answers', async () => {
  const random = printedRandom('http-bytes');
  const words = [
    'GET ',
    'HEAD ',
    'POST ',
    '/',
    '//',
    '/MAAS/',
    ' HTTP/1.1',
    'HTTP/1.0',
    '\r\n',
    '\r\n\r\n',
    '\n',
    '%',
    ':',
  ];
  const more = [
    'Content-Length: ',
    'Transfer-Encoding: chunked',
    'Range: bytes=',
    'Connection: ',
    '-',
    '0',
    '99999999999',
  ];
  const all = [...words, ...more, '\0', '\xff', 'linux', 'grubx64.efi', 'If-Range: "'];
  for (let round = 0; round < 400; round += 1) {
    const text = Array.from({ length: 1 + random(25) }, () => all[random(all.length)] ?? '').join('');
    await speak(rig.port, Buffer.from(text, 'latin1'), true);
  }
  assert.match(await rig.speak(`GET /grubx64.efi ${HTTP}\r\n`), /^HTTP\/1.1 200/);
  await eventuallyWithin(5000, 'closed', () => rig.tree.open_ === 0 && rig.server.counters().open === 0);
});

test('a change of settings opens and closes only what changed', async () => {
  const other = await openRig();
  other.tree.files.set('a', Buffer.from('a'));
  const kept = other.server.listening;
  const second = ipv4(0x7f000002);
  await other.server.configure({
    listen: [
      { address: LOOPBACK, port: 0 },
      { address: second, port: 0 },
    ],
  });
  assert.deepEqual(other.server.listening[0], kept[0]);
  assert.equal(other.server.listening.length, 2);
  const blocker = createServer();
  blocker.listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const taken = portOf(blocker);
  await assert.rejects(
    other.server.configure({
      listen: [
        { address: LOOPBACK, port: taken },
        { address: second, port: 0 },
      ],
    }),
    { code: 'address-in-use' },
  );
  assert.equal(other.server.listening.length, 2, 'a refused change closes nothing');
  await assert.rejects(other.server.configure({ listen: [{ address: ipv4(0xc0000201), port: 0 }] }), {
    code: 'address-not-here',
  });
  blocker.close();
  await other.server.configure({ listen: [{ address: second, port: 0 }] });
  assert.equal(other.server.listening.length, 1);
  assert.equal(other.server.listening[0]?.address, second);
  await assert.rejects(once(createConnection({ port: kept[0]?.port ?? 0, host: '127.0.0.1' }), 'connect'));
  await other.server.close();
  assert.deepEqual(other.server.listening, []);
});

test('a listener over TLS serves the same files whole, and a renewed certificate without closing', async () => {
  const other = await openRig();
  const long = randomBytes(1_000_000);
  other.tree.files.set('long', long);
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-http-'));
  const authority = makeAuthority(directory, systemClock.wallTimeMs());
  const ca = readFileSync(authority.caFile);
  const configure = (tls: { readonly cert: string; readonly key: string }) =>
    other.server.configure({ listen: [{ address: LOOPBACK, port: 0, secure: true }], tls });
  const load = async () => {
    const { port } = other.server.listening[0] ?? assert.fail('no listener');
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      get({ host: '127.0.0.1', port, path: '/long', ca, agent: false }, resolve).on('error', reject),
    );
    const { socket } = answer;
    const name = socket instanceof TLSSocket ? socket.getPeerCertificate().subject.CN : undefined;
    return { name, body: Buffer.concat(await Array.fromAsync(answer)) };
  };
  await configure(authority.issue('first'));
  const [place] = other.server.listening;
  const loaded = await load();
  assert.equal(loaded.name, 'first');
  assert.ok(loaded.body.equals(long));
  await configure(authority.issue('second'));
  assert.deepEqual(other.server.listening, [place]);
  assert.equal((await load()).name, 'second');
  await assert.rejects(configure({ cert: join(directory, 'none'), key: join(directory, 'none') }), {
    code: 'certificate-unusable',
  });
  assert.equal((await load()).name, 'second', 'a refused certificate changes nothing');
  await other.server.close();
  rmSync(directory, { recursive: true });
});

test('a failed TLS handshake is an event of the machine with its reason, also after the client is gone', async () => {
  const other = await openRig();
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-http-'));
  const tls = makeAuthority(directory, systemClock.wallTimeMs()).issue('rack');
  await other.server.configure({ listen: [{ address: LOOPBACK, port: 0, secure: true }], tls });
  const port = other.server.listening[0]?.port ?? 0;
  await assert.rejects(once(get({ host: '127.0.0.1', port, path: '/', agent: false }), 'response'));
  await speak(port, `GET / ${HTTP}\r\n`);
  const failures = () => other.events.filter(({ kind }) => kind === 'http.tls-failed');
  await eventuallyWithin(5000, 'two events', () => failures().length === 2);
  for (const event of failures()) assert.deepEqual([event.address, event.mac], [LOOPBACK, MACHINE]);
  assert.deepEqual(
    failures().map((event) => Reflect.get(event, 'reason')),
    ['ECONNRESET', 'ERR_SSL_HTTP_REQUEST'],
  );
  assert.equal(other.server.counters()['tls-failed'], 2);
  await other.server.close();
  rmSync(directory, { recursive: true });
});

test('an unusable certificate costs only the listeners over TLS, until it is repaired', async () => {
  const other = await openRig();
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-http-'));
  const tls = makeAuthority(directory, systemClock.wallTimeMs()).issue('rack');
  const listen = [
    { address: LOOPBACK, port: 0 },
    { address: LOOPBACK, port: 0, secure: true },
  ];
  await other.server.configure({ listen, tls: { ...tls, key: join(directory, 'none') } });
  assert.equal(other.server.listening.length, 1);
  assert.deepEqual(
    other.server.forgone.map(({ error }) => error.code),
    ['certificate-unusable'],
  );
  await other.server.configure({ listen, tls });
  assert.deepEqual([other.server.listening.length, other.server.forgone], [2, []]);
  await other.server.close();
  rmSync(directory, { recursive: true });
});

test('an optional listener is left to the program that has its port, which is named, and taken once it is free', async () => {
  const other = await openRig();
  const blocker = createServer();
  blocker.listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const taken = portOf(blocker);
  const listen = [
    { address: LOOPBACK, port: 0 },
    { address: LOOPBACK, port: taken, optional: true },
  ];
  await other.server.configure({ listen });
  assert.equal(other.server.listening.length, 1);
  assert.deepEqual(
    other.server.forgone.map(({ address, port, error }) => [address, port, error.code]),
    [[LOOPBACK, taken, 'address-in-use']],
  );
  assert.match(other.server.forgone[0]?.error.message ?? '', /in use by this process itself; stop/);
  await assert.rejects(other.server.configure({ listen: listen.map(({ address, port }) => ({ address, port })) }), {
    code: 'address-in-use',
  });
  blocker.close();
  await other.server.configure({ listen });
  assert.deepEqual([other.server.listening.length, other.server.forgone], [2, []]);
  await other.server.close();
});

test('the event about another machine’s configuration has no purpose, and is sampled', async () => {
  const other = await openRig();
  for (const name of ['grub.cfg', ...Array.from({ length: 100 }, () => 'grub.cfg-another')])
    await speak(other.port, `GET /grub/${name} ${HTTP}Connection: close\r\n\r\n`);
  const purposes = other.events.flatMap((event) =>
    event.kind === 'http.rendered' ? [Reflect.get(event, 'purpose')] : [],
  );
  assert.deepEqual(new Set(purposes), new Set(['enlist', undefined]));
  assert.ok(purposes.length < 100, `${purposes.length} events`);
  await other.server.close();
});

test('closing lets a download finish within the grace period', async () => {
  const other = await openRig();
  other.tree.files.set('linux', kernel);
  const answer = speak(other.port, `GET /linux ${HTTP}\r\n`);
  await eventuallyWithin(5000, 'begun', () => other.server.counters().requests === 1);
  await other.server.close(5000);
  assert.ok((await answer).length > kernel.length);
});

test('failed loads are reported one by one up to a rate, the others with a count (http/boot-requests.ts #bootSampler)', async () => {
  const requests = 5000;
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const lone = await openRig(undefined, undefined, undefined, new VirtualClock());
  const get = (): Promise<void> =>
    new Promise((resolve, reject) => {
      request({ port: lone.port, path: '/nowhere', agent }, (response) => response.resume().on('end', () => resolve()))
        .on('error', reject)
        .end();
    });
  try {
    await Promise.all(Array.from({ length: requests }, get));
    const reported = lone.kinds().filter((kind) => kind === 'http.missing');
    assert.ok(reported.length >= 2000 && reported.length < requests, `${reported.length} of ${requests} are told`);
  } finally {
    agent.destroy();
    await lone.server.close();
  }
});
