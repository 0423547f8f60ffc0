// The link of a rack to its remote region: its messages, its repetitions, and what it never discards. Virtual time, a scripted region, and
// the real outbox.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { RackError } from '../../src/ground/errors.ts';
import type { CopyProgress } from '../../src/images/carry/region-copy.ts';
import type { RackReport } from '../../src/region/records/machine-event.ts';
import type { RackImage } from '../../src/region/records/rack.ts';
import { noteText } from '../../src/region/reports/notes.ts';
import { openOutboxStore } from '../../src/store/outbox/outbox-database.ts';
import type { AddressStatus } from '../../src/uplink/link-status.ts';
import type { LinkAnswer, LinkListener, LinkRequest } from '../../src/uplink/link-transport.ts';
import type { RackMessage, RegionMessage } from '../../src/uplink/messages.ts';
import type { OutboxBounds, OutboxStore } from '../../src/uplink/outbox-store.ts';
import { digestSecret, type RegionKey } from '../../src/uplink/region-key.ts';
import { RegionLink } from '../../src/uplink/region-link.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const UUID = '5a5a5a5a-1111-4222-8333-444444444444';
const DRAWN: RegionKey = { consumer: 'rack', token: 'token', secret: 'secret', isDrawn: true };
const GIVEN: RegionKey = { ...DRAWN, consumer: 'abc', isDrawn: false };
const STATE = { schema: 2, version: 7, machines: [] };

type Script = (request: LinkRequest, name: string) => Partial<LinkAnswer> | Error | undefined;

const HELLO: RackMessage = {
  kind: 'hello',
  uplink: 1,
  life: 'life-1',
  rack: { uuid: UUID, name: 'far', version: '1.2.3', interfaces: [], pinned: ['dns.upstream'] },
};

const IMAGE: RackImage = {
  os: 'debian',
  release: 'bookworm',
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20260101',
  path: `/images/ab/${'ab'.repeat(32)}.img`,
  sha256: 'ab'.repeat(32),
  format: 'raw',
  bytes: 1,
  diskBytes: 1,
};

/** The answers of a cooperative region. */
function oblige(request: LinkRequest, name: string): Partial<LinkAnswer> {
  const body: unknown = JSON.parse(request.body?.contentType === 'application/json' ? request.body.text : 'null');
  switch (name) {
    case 'events': {
      const sequences = entriesOf(body).map(({ sequence }) => sequence);
      return { body: JSON.stringify({ stored: sequences.at(-1), refused: [] }) };
    }
    case 'heartbeat':
      return { body: JSON.stringify({ version: '1.2.4', uplink: 1, now: 0 }) };
    case 'state':
      return request.ifNoneMatch === '"7.a"' ? { status: 304 } : { body: JSON.stringify(STATE), etag: '"7.a"' };
    default:
      return { body: JSON.stringify({ uuid: UUID, status: 'accepted' }) };
  }
}

interface Entry {
  readonly sequence: number;
  readonly text: string;
}

function entriesOf(body: unknown): readonly Entry[] {
  const entries: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'entries') : [];
  assert.ok(Array.isArray(entries));
  return entries.map((entry) => ({ sequence: entry.sequence, text: entry.report?.text ?? entry.post?.body }));
}

class Place {
  readonly clock = new VirtualClock();
  readonly sent: RegionMessage[] = [];
  readonly requests: { readonly name: string; readonly request: LinkRequest; readonly at: number }[] = [];
  readonly outbox: OutboxStore;
  readonly link: RegionLink;
  script: Script = oblige;
  imagesOf: (tree: string) => readonly RackImage[] = () => [];
  copies: readonly CopyProgress[] = [];
  addresses: readonly AddressStatus[] = [];
  stream: LinkListener | undefined;
  readonly #stateDir = mkdtempSync(join(tmpdir(), 'rackboot-link-'));
  readonly #startMs = this.clock.now();
  #reports = 0;

  constructor(
    key: RegionKey = GIVEN,
    bounds?: OutboxBounds,
    wrap: (store: OutboxStore) => OutboxStore = (store) => store,
  ) {
    this.outbox = wrap(openOutboxStore({ stateDir: this.#stateDir, bounds }));
    this.link = new RegionLink({
      clock: this.clock,
      outbox: this.outbox,
      key,
      keyFile: '/state/region.key',
      listImages: (tree) => this.imagesOf(tree),
      listCopies: () => this.copies,
      listAddresses: () => this.addresses,
      saveState: () => undefined,
      send: (message) => void this.sent.push(message),
      transport: {
        url: 'http://region/MAAS',
        ask: async (request) => {
          const name = /\/racks\/[^/]+\/(\w+)$/.exec(request.path)?.[1] ?? 'register';
          this.requests.push({ name, request, at: this.clock.now() - this.#startMs });
          const answer = this.script(request, name);
          if (answer === undefined) return new Promise<LinkAnswer>(() => undefined);
          if (answer instanceof Error) throw answer;
          return { status: 200, retryAfterMs: undefined, body: '', ...answer };
        },
        follow: (_path, listener) => {
          this.stream = listener;
          listener.onOpen();
          return { close: () => undefined };
        },
        close: () => undefined,
      },
    });
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      this.clock.advance(Math.min(100, ms - passed));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Says hello, and passes some time. */
  async greet(ms: number): Promise<void> {
    this.link.receive(HELLO);
    await this.pass(ms);
  }

  report(texts: readonly string[], level: RackReport['level'] = 'info', missed = 0, kind = 'test.event'): void {
    const events = texts.map((text) => {
      this.#reports += 1;
      return { sequence: this.#reports, kind, at: 1, text, level };
    });
    this.link.receive({ kind: 'events', events, missed });
  }

  named(name: string): readonly LinkRequest[] {
    return this.requests.filter((one) => one.name === name).map(({ request }) => request);
  }

  /** The notices, except that the link is up. */
  notices(): readonly string[] {
    const kinds = this.sent.flatMap((message) => (message.kind === 'notice' ? [message.event.kind] : []));
    return kinds.filter((kind) => kind !== 'region.linked');
  }

  /** All events that were sent to the region, in order. */
  carried(): readonly Entry[] {
    return this.named('events').flatMap(({ body }) => entriesOf(JSON.parse(body?.text ?? 'null')));
  }

  remove(): void {
    this.link.close();
    this.outbox.close();
    rmSync(this.#stateDir, { recursive: true });
  }
}

async function withPlace(place: Place, work: (place: Place) => Promise<void>): Promise<void> {
  try {
    await work(place);
  } finally {
    place.remove();
  }
}

/** A test with a link of its own. */
const linkTest = (name: string, work: (place: Place) => Promise<void>): void =>
  void test(name, () => withPlace(new Place(), work));

linkTest('a heartbeat says which addresses the host has', async (place) => {
  const rack = HELLO.kind === 'hello' ? HELLO.rack : assert.fail();
  const addresses = [{ interface: 'eth1', address: '10.20.0.1/24' }];
  place.link.receive({ ...HELLO, rack: { ...rack, addresses } });
  await place.pass(1000);
  const said: unknown = JSON.parse(place.named('heartbeat').at(-1)?.body?.text ?? '{}');
  assert.deepEqual(Object(said).addresses, addresses);
});

linkTest('a heartbeat says why the region’s settings are not in force, while they are not', async (place) => {
  const rack = HELLO.kind === 'hello' ? HELLO.rack : assert.fail();
  const said = () => Object(JSON.parse(place.named('heartbeat').at(-1)?.body?.text ?? '{}')).settingsRefused;
  place.link.receive({ ...HELLO, rack: { ...rack, settingsRefused: 'the port is taken' } });
  await place.pass(1000);
  assert.equal(said(), 'the port is taken');
  await place.greet(1000);
  assert.equal(said(), undefined);
});

linkTest('a region that redirects is not up; the status names the location and the remedy', async (place) => {
  await place.greet(1000);
  assert.equal(place.link.status().state, 'up');
  place.script = () => ({ status: 302, location: 'https://other/MAAS' });
  await place.pass(40_000);
  const { state, text } = place.link.status();
  assert.equal(state, 'away');
  assert.match(text, /^http:\/\/region\/MAAS answers 302 and redirects to https:\/\/other\/MAAS, .*region\.url/);
  assert.deepEqual(place.named('state')[0]?.answerBytesMax, 256 * 1024 * 1024);
});

test('a rack with a drawn key registers without it, waits, and is up once accepted', () =>
  withPlace(new Place(DRAWN), async (place) => {
    place.script = (request, name) =>
      name === 'register' ? { status: 202, body: '{"text":"accept me"}' } : oblige(request, name);
    await place.greet(12_000);
    const [first] = place.named('register');
    const form = new URLSearchParams(first?.body?.text);
    assert.equal(first?.authorized, false);
    assert.deepEqual(
      [form.get('uuid'), form.get('name'), form.get('uplink'), form.get('token'), form.get('secret_digest')],
      [UUID, 'far', '1', 'token', digestSecret(DRAWN)],
    );
    assert.equal(first?.body?.text.includes('secret='), false);
    assert.equal(place.named('register').length, 3);
    assert.deepEqual([place.link.status().state, place.link.status().text], ['pending', 'accept me']);
    assert.deepEqual(place.notices(), ['region.pending']);
    assert.equal(place.named('state').length, 0);
    place.script = oblige;
    await place.pass(6000);
    assert.equal(place.link.status().state, 'up');
    assert.equal(place.named('heartbeat')[0]?.authorized, true);
    assert.equal(place.link.status().regionVersion, '1.2.4');
  }));

test('a rack with a given key registers with it, and draws none', () =>
  withPlace(new Place(GIVEN), async (place) => {
    await place.greet(100);
    const [first] = place.named('register');
    assert.equal(first?.authorized, true);
    assert.equal(new URLSearchParams(first?.body?.text).has('token'), false);
    assert.equal(place.link.status().state, 'up');
  }));

for (const [status, state, notice] of [
  [401, 'rejected', 'region.rejected'],
  [403, 'rejected', 'region.rejected'],
  [409, 'incompatible', 'region.incompatible'],
] as const) {
  linkTest(
    `a registration answered ${status} is reported once, with the remedy, and repeated after a minute`,
    async (place) => {
      place.script = () => ({ status, body: 'update the rack\nnot this line' });
      await place.greet(59_000);
      assert.equal(place.named('register').length, 1);
      assert.equal(place.link.status().state, state);
      assert.match(place.link.status().text, /update the rack$/);
      await place.pass(62_000);
      assert.equal(place.named('register').length, 3);
      assert.deepEqual(place.notices(), [notice]);
    },
  );
}

linkTest('a rack that the region no longer knows registers again, after a pause', async (place) => {
  place.script = (request, name) => (name === 'register' ? oblige(request, name) : { status: 401 });
  await place.greet(30_000);
  const registrations = place.named('register').length;
  assert.ok(registrations >= 4 && registrations <= 7, `${registrations} registrations`);
});

linkTest('events are acknowledged once they are on disk, and sent in order once the region answers', async (place) => {
  place.script = () => new Error('refused');
  place.link.receive(HELLO);
  place.report(['a', 'b']);
  place.report(['c']);
  assert.deepEqual(
    place.sent.flatMap((message) => (message.kind === 'stored' ? [message.sequence] : [])),
    [2, 3],
  );
  await place.pass(5000);
  assert.deepEqual(place.notices(), ['region.away']);
  assert.equal(place.link.status().waiting, 3);
  place.script = oblige;
  await place.pass(60_000);
  assert.deepEqual(place.carried(), [
    { sequence: 1, text: 'a' },
    { sequence: 2, text: 'b' },
    { sequence: 3, text: 'c' },
  ]);
  assert.deepEqual(place.notices(), ['region.away', 'region.back']);
  assert.equal(place.link.status().waiting, 0);
});

linkTest('no entry is buried for a problem of the region, the key or the network', async (place) => {
  await place.greet(200);
  for (const status of [401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 507]) {
    place.script = (request, name) => (name === 'events' ? { status } : oblige(request, name));
    place.report([`at ${status}`]);
    await place.pass(3000);
  }
  assert.equal(place.outbox.deadLetterCount, 0);
  assert.equal(place.outbox.length, 12);
  place.script = oblige;
  await place.pass(120_000);
  assert.equal(place.outbox.length, 0);
});

linkTest('an unreadable batch is halved until the faulty entry is found; the others arrive in order', async (place) => {
  const taken: string[] = [];
  place.script = (request, name) => {
    if (name !== 'events') return oblige(request, name);
    const entries = entriesOf(JSON.parse(request.body?.text ?? 'null'));
    if (entries.some(({ text }) => text === 'bad')) return { status: 400, body: 'cannot be read' };
    taken.push(...entries.map(({ text }) => text));
    return oblige(request, name);
  };
  place.report([...Array.from({ length: 20 }, (_, index) => `a${index}`), 'bad', 'z1', 'z2']);
  await place.greet(2000);
  assert.deepEqual(taken, [...Array.from({ length: 20 }, (_, index) => `a${index}`), 'z1', 'z2']);
  assert.deepEqual(
    place.outbox.listDeadLetters().map(({ sequence, reason }) => [sequence, reason]),
    [[21, '400: cannot be read']],
  );
  assert.deepEqual(place.notices(), ['outbox.dead-letter']);
});

linkTest('an entry that the region refuses is kept with its reason, and can be sent again', async (place) => {
  let refuses = true;
  place.script = (request, name) => {
    const sequence = name === 'events' ? entriesOf(JSON.parse(request.body?.text ?? 'null'))[0]?.sequence : undefined;
    if (sequence === undefined || !refuses) return oblige(request, name);
    return { body: JSON.stringify({ stored: sequence, refused: [{ sequence, reason: 'no such thing' }] }) };
  };
  place.link.receive(HELLO);
  place.report(['a']);
  await place.pass(1000);
  const [letter] = place.outbox.listDeadLetters();
  assert.equal(letter?.reason, 'no such thing');
  assert.equal(place.link.status().deadLetters, 1);
  refuses = false;
  place.link.receive({ kind: 'outbox', id: 5, command: { action: 'retry', deadLetter: letter?.id ?? 0 } });
  place.link.receive({ kind: 'outbox', id: 6, command: { action: 'drop', deadLetter: 99 } });
  await place.pass(1000);
  assert.equal(place.outbox.length, 0);
  const answers = place.sent.filter((message) => message.kind === 'outbox-answer');
  assert.deepEqual(
    answers.map(({ id, answer }) => [id, answer.refusal]),
    [
      [5, undefined],
      [6, { kind: 'no-dead-letter', deadLetter: 99 }],
    ],
  );
});

linkTest('refusals of reports of refusals are not reported, even if the region refuses everything', async (place) => {
  place.script = (request, name) => {
    if (name !== 'events') return oblige(request, name);
    const refused = entriesOf(JSON.parse(request.body?.text ?? 'null')).map(({ sequence }) => ({
      sequence,
      reason: 'no',
    }));
    return { body: JSON.stringify({ stored: refused.at(-1)?.sequence, refused }) };
  };
  place.link.receive(HELLO);
  place.report(['a']);
  // The report of a refusal becomes an event for the region in turn, as in the rack's stream of events.
  let reported = 0;
  for (let turn = 0; turn < 20; turn += 1) {
    await place.pass(1000);
    const letters = place.notices().filter((kind) => kind === 'outbox.dead-letter').length;
    for (; reported < letters; reported += 1) place.report(['refused'], 'error', 0, 'outbox.dead-letter');
  }
  assert.equal(reported, 1);
  assert.equal(place.link.status().deadLetters, 2);
});

linkTest('a region that knows more of the outbox than its file does makes the rack renumber it', async (place) => {
  const { id } = place.outbox;
  place.script = (request, name) =>
    name === 'events' && request.body?.text.includes(id)
      ? { body: '{"stored":500,"refused":[]}' }
      : oblige(request, name);
  place.report(['a']);
  await place.greet(1000);
  assert.notEqual(place.outbox.id, id);
  assert.equal(place.outbox.length, 0);
  assert.deepEqual(place.notices(), ['outbox.renumbered']);
});

linkTest('a server that claims to know more of every outbox is asked ever more rarely', async (place) => {
  place.script = (request, name) =>
    name === 'events' ? { body: '{"stored":500,"refused":[]}' } : oblige(request, name);
  place.report(['a']);
  await place.greet(120_000);
  assert.ok(place.named('events').length < 15, String(place.named('events').length));
  assert.equal(place.outbox.length, 1);
});

test('losses at the bound raise an alarm and are reported to the region, once', () =>
  withPlace(new Place(GIVEN, { entriesMax: 5, bytesMax: 1e6, deadLettersMax: 5 }), async (place) => {
    place.script = () => new Error('away');
    place.link.receive(HELLO);
    for (let index = 0; index < 60; index += 1) place.report([`i${index}`]);
    place.report(['w'], 'warning', 3);
    await place.pass(1000);
    assert.ok(place.notices().includes('outbox.full'));
    assert.ok(place.notices().filter((kind) => kind === 'outbox.full').length < 30, 'sampled');
    assert.equal(place.link.status().dropped, 59);
    place.script = oblige;
    await place.pass(60_000);
    const missed = place
      .named('events')
      .map(({ body }): unknown => Reflect.get(JSON.parse(body?.text ?? 'null'), 'missed'));
    assert.equal(
      missed.findLast((count) => count !== 0),
      59,
    );
    place.report(['later']);
    await place.pass(1000);
    const last = place.named('events').at(-1);
    assert.equal(Reflect.get(JSON.parse(last?.body?.text ?? 'null'), 'missed'), 0);
  }));

test('while the disk fails nothing is acknowledged and posts are refused with a reason; then the outbox continues', () => {
  let isFull = true;
  const wrap = (store: OutboxStore): OutboxStore =>
    new Proxy(store, {
      get: (target, name) => {
        if (isFull && (name === 'addReports' || name === 'addPost' || name === 'take')) {
          return () => {
            throw new RackError('store-unavailable', 'the disk is full');
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return withPlace(new Place(GIVEN, undefined, wrap), async (place) => {
    place.link.receive(HELLO);
    place.report(['a']);
    const post = { at: 1, peer: '10.0.0.1', contentType: '', path: '/MAAS/api/2.0/machines/', body: '' };
    place.link.receive({ kind: 'post', id: 1, post });
    await place.pass(3000);
    const kinds = (): readonly string[] => place.sent.map(({ kind }) => kind);
    assert.equal(kinds().includes('stored'), false);
    assert.equal(place.link.status().outboxProblem, 'the disk is full');
    assert.deepEqual(place.notices(), ['outbox.unavailable', 'region.post-refused']);
    isFull = false;
    await place.pass(3000);
    place.link.receive({ kind: 'post', id: 2, post });
    assert.equal(kinds().includes('stored'), true);
    assert.deepEqual(
      place.sent.flatMap((message) => (message.kind === 'post-stored' ? [[message.id, message.refusal]] : [])),
      [
        [1, 'outbox-failed'],
        [2, undefined],
      ],
    );
    assert.deepEqual(place.notices().slice(2), ['outbox.available', 'region.post-queued']);
    await place.pass(2000);
    assert.equal(place.carried().length, 2);
  });
});

linkTest('the query of a machine’s post is sent to the region, and shown nowhere else', async (place) => {
  place.script = (request, name) =>
    name === 'events'
      ? { body: JSON.stringify({ stored: 1, refused: [{ sequence: 1, reason: 'no' }] }) }
      : oblige(request, name);
  place.link.receive(HELLO);
  const path = '/MAAS/api/1.0/nodes/?op=new&power_parameters=hunter2';
  place.link.receive({ kind: 'post', id: 1, post: { at: 1, peer: '10.0.0.1', contentType: '', path, body: '' } });
  await place.pass(1000);
  place.link.receive({ kind: 'outbox', id: 2, command: { action: 'list' } });
  assert.ok(place.notices().includes('region.post-queued'));
  assert.ok(place.requests.some(({ request }) => request.body?.text.includes('hunter2')));
  assert.doesNotMatch(JSON.stringify(place.sent), /hunter2/);
  assert.match(JSON.stringify(place.sent), /"path":"\/MAAS\/api\/1\.0\/nodes\/"/);
});

linkTest(
  'a change of a lease goes to the rack, and its answer to the region with a heartbeat at once',
  async (place) => {
    await place.greet(1000);
    const task = { kind: 'end', address: ipv4(0x0a14_0078) } as const;
    place.stream?.onEvent('request', '{"id":"one","kind":"end","address":"10.20.0.120"}');
    assert.deepEqual(
      place.sent.filter(({ kind }) => kind === 'request'),
      [{ kind: 'request', request: { id: 'one', task } }],
    );
    const answer = { id: 'one', outcome: 'done' } as const;
    place.link.receive({ kind: 'answered', answer });
    await place.pass(1000);
    place.link.receive({ kind: 'applied', version: 77 });
    await place.pass(1000);
    const carried = place.named('heartbeat').map(({ body }) => JSON.parse(body?.text ?? '').answers);
    assert.deepEqual(carried.slice(-2), [[answer], undefined]);
  },
);

linkTest(
  'the first state is fetched unconditionally, later ones by their tag, at each change and once a minute',
  async (place) => {
    await place.greet(1000);
    assert.deepEqual(
      place.named('state').map(({ ifNoneMatch }) => ifNoneMatch),
      [undefined],
    );
    assert.ok(place.sent.some((message) => message.kind === 'desired-state' && message.state.version === 7));
    place.stream?.onEvent('state', '{"version":7}');
    await place.pass(1000);
    assert.equal(place.named('state').length, 1);
    place.stream?.onEvent('state', '{"version":8}');
    await place.pass(1000);
    assert.deepEqual(
      place.named('state').map(({ ifNoneMatch }) => ifNoneMatch),
      [undefined, '"7.a"'],
    );
    // A region that started again may have another state of the same version: its tag says so.
    place.stream?.onOpen();
    await place.pass(1000);
    assert.equal(place.named('state').at(-1)?.ifNoneMatch, '"7.a"');
    assert.equal(place.named('state').length, 3);
    for (let minute = 0; minute < 3; minute += 1) {
      place.stream?.onAlive();
      await place.pass(30_000);
      place.stream?.onAlive();
      await place.pass(30_000);
    }
    assert.equal(place.named('state').length, 6);
  },
);

linkTest(
  'changes apply to the last state; if they are invalid, the next fetch is of the whole state',
  async (place) => {
    let version = 7;
    const machine = (systemId: string) => ({
      systemId,
      hostname: systemId,
      domain: 'maas',
      statusName: 'Ready',
      purpose: 'local',
      architecture: 'amd64',
      subarchitecture: 'generic',
      macs: [],
      addresses: [],
    });
    let change: object = {};
    place.script = (request, name) => {
      if (name !== 'state') return oblige(request, name);
      const { takesChanges = false } = request;
      const etag = `"${version}.a"`;
      const machines = ['aaaaaa', 'bbbbbb'].map(machine);
      return takesChanges
        ? { status: 226, etag, body: JSON.stringify({ schema: 2, version, ...change }) }
        : { etag, body: JSON.stringify({ schema: 2, version, machines }) };
    };
    const announce = async (): Promise<void> => {
      version += 1;
      place.stream?.onEvent('state', JSON.stringify({ version }));
      await place.pass(1000);
    };
    const states = () =>
      place.sent.flatMap((message) =>
        message.kind === 'desired-state' ? [message.state.machines.map(({ systemId }) => systemId)] : [],
      );
    await place.greet(1000);
    change = { machines: [machine('cccccc')], gone: ['aaaaaa'] };
    await announce();
    assert.deepEqual(states(), [
      ['aaaaaa', 'bbbbbb'],
      ['bbbbbb', 'cccccc'],
    ]);
    change = { machines: [], gone: 'all' };
    await announce();
    assert.ok(
      place.sent.some(
        (message) => message.kind === 'problem' && /gone: "all" is not a list/.test(noteText(message.note)),
      ),
    );
    await place.pass(10_000);
    assert.deepEqual(states().at(-1), ['aaaaaa', 'bbbbbb']);
    assert.deepEqual([place.named('state').at(-1)?.ifNoneMatch, states().length], [undefined, 3]);
  },
);

linkTest(
  'a state of a region that started, or has another history, says so; a newer one of the same history does not',
  async (place) => {
    let version = 7;
    let tail = '3.start';
    place.script = (request, name) => {
      if (name !== 'state') return oblige(request, name);
      const etag = `"${version}.${tail}"`;
      const isSame = request.ifNoneMatch === etag;
      return isSame ? { status: 304 } : { body: JSON.stringify({ ...STATE, version }), etag };
    };
    const askState = async (next: number, nextTail: string): Promise<readonly (boolean | undefined)[]> => {
      const before = place.sent.length;
      [version, tail] = [next, nextTail];
      place.stream?.onOpen();
      await place.pass(1000);
      return place.sent.slice(before).flatMap((one) => (one.kind === 'desired-state' ? [one.isAnew] : []));
    };
    place.link.receive(HELLO);
    assert.deepEqual(await askState(7, '3.start'), [true], 'the first one');
    assert.deepEqual(await askState(8, '3.start'), [false]);
    assert.deepEqual(await askState(8, '3.start'), []);
    assert.deepEqual(await askState(9, '4.start'), [true], 'another basis: another history');
    assert.deepEqual(await askState(10, '4.restart'), [true], 'the region started again');
    assert.deepEqual(await askState(6, '4.restart'), [true], 'an older version');
    assert.deepEqual(await askState(7, '4.restart'), [false]);
  },
);

linkTest('an invalid desired state is reported and changes nothing', async (place) => {
  place.script = (request, name) => (name === 'state' ? { body: '{"schema":99}' } : oblige(request, name));
  await place.greet(1000);
  assert.ok(place.sent.some((message) => message.kind === 'problem' && /schema/.test(noteText(message.note))));
  assert.equal(
    place.sent.some(({ kind }) => kind === 'desired-state'),
    false,
  );
});

linkTest(
  'a heartbeat reports the applied state as soon as it changes, and otherwise every half minute',
  async (place) => {
    await place.greet(1000);
    place.link.receive({ kind: 'applied', version: 7 });
    await place.pass(1000);
    const beats = place.named('heartbeat').map(({ body }): unknown => JSON.parse(body?.text ?? 'null'));
    assert.deepEqual(
      beats.map((beat) => (typeof beat === 'object' && beat !== null ? Reflect.get(beat, 'applied') : 0)),
      [0, 7],
    );
    assert.deepEqual(Object.keys(Object(beats[1])).toSorted(), [
      'applied',
      'deadLetters',
      'dropped',
      'interfaces',
      'life',
      'pinned',
      'startedAt',
      'uplink',
      'version',
      'waiting',
    ]);
    await place.pass(60_000);
    assert.equal(place.named('heartbeat').length, 4);
  },
);

linkTest('a region that answers heartbeats in another version is reported, with the side to update', async (place) => {
  place.script = (request, name) =>
    name === 'heartbeat'
      ? { body: '{"version":"9","uplink":2,"now":0}' }
      : name === 'register'
        ? oblige(request, name)
        : undefined;
  await place.greet(1000);
  assert.deepEqual(place.notices(), ['region.incompatible']);
  assert.match(place.link.status().text, /version 2 .* version 1: update the rack$/);
});

linkTest(
  'a region of another version is reported once, and only heartbeats continue until it uses ours',
  async (place) => {
    let version = 2;
    place.script = (request, name) =>
      name === 'heartbeat'
        ? { body: JSON.stringify({ version: '9', uplink: version, now: 0 }) }
        : oblige(request, name);
    await place.greet(1000);
    const greetings = (): number =>
      place.sent.filter((message) => message.kind === 'notice' && message.event.kind === 'region.linked').length;
    const taken = (): number => place.sent.filter(({ kind }) => kind === 'desired-state').length;
    const [greeted, known, carried] = [greetings(), taken(), place.carried().length];
    place.report(['seen meanwhile']);
    place.stream?.onEnd(undefined);
    await place.pass(5 * 60_000);
    assert.deepEqual([greetings(), taken(), place.carried().length], [greeted, known, carried]);
    assert.deepEqual(place.notices(), ['region.incompatible']);
    assert.equal(place.link.status().state, 'incompatible');
    version = 1;
    await place.pass(40_000);
    assert.equal(place.link.status().state, 'up');
    assert.equal(greetings(), greeted + 1);
    assert.deepEqual(
      place.carried().map(({ text }) => text),
      ['seen meanwhile'],
    );
  },
);

linkTest('a region of another version that no longer knows the rack makes it register again', async (place) => {
  let isKnown = true;
  place.script = (request, name) =>
    name !== 'heartbeat'
      ? oblige(request, name)
      : isKnown
        ? { body: JSON.stringify({ version: '9', uplink: 2, now: 0 }) }
        : { status: 401 };
  await place.greet(1000);
  const registered = place.named('register').length;
  isKnown = false;
  await place.pass(60_000);
  assert.ok(place.named('register').length > registered);
});

linkTest('a stream that ends or falls silent is opened again, after an immediate heartbeat', async (place) => {
  await place.greet(1000);
  const first = place.stream;
  const beats = place.named('heartbeat').length;
  first?.onEnd(undefined);
  await place.pass(1500);
  assert.notEqual(place.stream, first);
  assert.equal(place.named('heartbeat').length, beats + 1);
  const second = place.stream;
  await place.pass(48_000);
  assert.notEqual(place.stream, second);
});

linkTest('a rack with another version of the messages is refused', async (place) => {
  place.link.receive({ ...HELLO, kind: 'hello', uplink: 2 });
  place.report(['in words of another version']);
  await place.greet(5000);
  assert.deepEqual(place.sent, [{ kind: 'refused', note: { note: 'link-versions', ownVersion: 2, otherVersion: 1 } }]);
  assert.deepEqual(place.requests, []);
  assert.equal(place.outbox.length, 0);
});

/** The images in each heartbeat. */
const imagesSent = (place: Place): readonly unknown[] =>
  place.named('heartbeat').map(({ body }) => JSON.parse(body?.text ?? '{}').images);

linkTest('the rack’s images are reported once, again after a change, and at long intervals anyway', async (place) => {
  const trees: string[] = [];
  let images = [IMAGE];
  place.imagesOf = (tree) => {
    trees.push(tree);
    return images;
  };
  place.link.receive({ ...HELLO, imageTree: '/tree' });
  await place.pass(61_000);
  assert.deepEqual(imagesSent(place), [[IMAGE], undefined, undefined]);
  assert.deepEqual([...new Set(trees)], ['/tree']);
  images = [];
  await place.pass(30_000);
  assert.deepEqual(imagesSent(place).at(-1), []);
  await place.pass(20 * 30_000);
  assert.equal(
    imagesSent(place)
      .slice(4)
      .filter((images) => images !== undefined).length,
    1,
  );
});

linkTest(
  'a region that refuses three heartbeats in a row with 503 is away, though it answers, and is back with the next good one',
  async (place) => {
    let status = 200;
    place.script = (request, name) =>
      status === 200 ? oblige(request, name) : { status, body: 'its database is away' };
    await place.greet(200);
    status = 503;
    await place.pass(30_000);
    assert.deepEqual(place.notices(), [], 'a place may have been taken');
    await place.pass(60_000);
    assert.deepEqual(place.notices(), ['region.away']);
    status = 200;
    await place.pass(90_000);
    assert.deepEqual(place.notices(), ['region.away', 'region.back']);
  },
);

linkTest(
  'while no address serves a request, the status says since when; the first refusal of any request hastens the heartbeats',
  async (place) => {
    await place.greet(10_000);
    assert.deepEqual([place.link.status().state, place.link.status().unserved], ['up', undefined]);
    const startMs = place.clock.wallTimeMs();
    place.script = () => ({ status: 503, body: 'its database is away' });
    const failing = (url: string, sinceMs: number) => ({
      url,
      isInUse: url === 'b',
      failure: { text: `${url} answers 503`, sinceMs },
    });
    place.addresses = [failing('a', startMs - 5000), failing('b', startMs)];
    const beats = place.named('heartbeat').length;
    place.report(['one']);
    await place.pass(300);
    assert.equal(place.named('heartbeat').length, beats + 1);
    const { state, unserved } = place.link.status();
    assert.deepEqual([state, unserved], ['up', { sinceMs: startMs, text: 'b answers 503' }]);
    await place.pass(5000);
    assert.deepEqual([place.link.status().state, place.link.status().since], ['away', startMs]);
    const away = place.sent.findLast((message) => message.kind === 'notice');
    assert.equal(Object(away?.event).since, new Date(startMs).toISOString());
    const [one] = place.addresses;
    place.addresses = one === undefined ? [] : [one, { url: 'b', isInUse: true }];
    assert.equal(place.link.status().unserved, undefined);
  },
);

linkTest('a link that is up and moves to another address is up there since then', async (place) => {
  await place.greet(10_000);
  place.link.reportMove('b', 'a');
  const { state, since } = place.link.status();
  assert.deepEqual([state, since], ['up', place.clock.wallTimeMs()]);
});

linkTest(
  'copies of images are reported when they have advanced, until the region has received the report, and again after a new link',
  async (place) => {
    const copiesSent = (): readonly unknown[] =>
      place.named('heartbeat').map(({ body }) => JSON.parse(body?.text ?? '{}').copies);
    const [one, other] = ['ubuntu/noble/amd64', 'debian/bookworm/amd64'].map((file) => {
      return { file, bytes: 1, total: 9, error: '' };
    });
    assert.ok(one !== undefined && other !== undefined);
    let isAway = false;
    place.script = (request, name) => (name === 'heartbeat' && isAway ? { status: 503 } : oblige(request, name));
    await place.greet(1000);
    assert.deepEqual(copiesSent(), [undefined], 'there is none');
    place.copies = [one, other];
    await place.pass(60_000);
    assert.deepEqual(copiesSent().slice(1), [[one, other], undefined]);
    isAway = true;
    const failed = { ...one, error: 'the region does not answer' };
    place.copies = [failed, other];
    await place.pass(30_000);
    assert.deepEqual(copiesSent().at(-1), [failed]);
    isAway = false;
    await place.pass(60_000);
    assert.equal(copiesSent().at(-1), undefined);
    place.copies = Array.from({ length: 20 }, (_, index) => ({ ...one, file: `image-${index}` }));
    await place.pass(60_000);
    assert.deepEqual(
      copiesSent()
        .slice(-2)
        .map((copies) => Array.isArray(copies) && copies.length),
      [16, 4],
    );
  },
);

linkTest(
  'images are reported until the region has received them, and an unreadable store changes nothing',
  async (place) => {
    let isAway = true;
    place.script = (request, name) => (name === 'heartbeat' && isAway ? { status: 503 } : oblige(request, name));
    place.imagesOf = () => [IMAGE];
    place.link.receive({ ...HELLO, imageTree: '/tree' });
    await place.pass(5000);
    assert.ok(imagesSent(place).length > 1);
    assert.ok(imagesSent(place).every((images) => Array.isArray(images)));
    isAway = false;
    await place.pass(60_000);
    assert.equal(imagesSent(place).at(-1), undefined);
    place.imagesOf = () => {
      throw new Error('the tree cannot be read');
    };
    await place.pass(60_000);
    assert.equal(imagesSent(place).at(-1), undefined);
    const problems = place.sent.filter((message) => message.kind === 'problem');
    assert.deepEqual(problems, [
      { kind: 'problem', id: 'images', note: { note: 'images-unread', reason: 'the tree cannot be read' } },
    ]);
  },
);
