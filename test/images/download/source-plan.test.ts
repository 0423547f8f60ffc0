import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AttemptFault } from '../../../src/images/download/fault.ts';
import { Places } from '../../../src/images/download/places.ts';
import { SourceHealth } from '../../../src/images/download/source-health.ts';
import { type Source, SourcePlan } from '../../../src/images/download/source-plan.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const [A, B, C] = ['http://a.example/f', 'http://b.example/f', 'http://c.example/f'] as const;
const SETTINGS = { pauseMs: 1000, pauseMsMax: 4000, roundsMax: 5 };
const CUT: AttemptFault = { code: 'cut', params: { host: 'x', bytes: 0, total: undefined, said: '' } };
const GONE: AttemptFault = { code: 'http-refused', params: { host: 'x', status: 404 } };
const busy = (seconds: number): AttemptFault => ({ code: 'busy', params: { host: 'x', status: 503, seconds } });

function planOf(urls: readonly string[], health = new SourceHealth(), clock = new VirtualClock(), isFirstOwn = false) {
  const plan = new SourcePlan(
    urls.map((url) => new URL(url)),
    health,
    clock,
    SETTINGS,
    isFirstOwn,
  );
  /** The next source, after any pause; its name, or `give-up`. */
  const ask = (kept?: string): Source | undefined => {
    for (;;) {
      const step = plan.next(kept);
      if (step.kind === 'give-up') return undefined;
      if (step.kind === 'ask') return step.sources[0];
      clock.advance(step.until - clock.now());
    }
  };
  return { plan, clock, health, ask };
}

describe('the plan of sources', () => {
  test('each source is asked once a round, and after the last round the plan gives up', () => {
    const { plan, ask } = planOf([A, B]);
    const asked: string[] = [];
    for (let source = ask(); source !== undefined; source = ask()) {
      asked.push(source.url.host[0] ?? '');
      plan.failed(source, CUT, 0);
    }
    assert.equal(asked.length, 10);
    for (let round = 0; round < 5; round += 1) assert.equal(new Set(asked.slice(2 * round, 2 * round + 2)).size, 2);
  });

  test('the pause doubles up to its bound, and varies by half', () => {
    const { plan, clock, ask } = planOf([A]);
    const pauses: number[] = [];
    for (let source = ask(); source !== undefined; source = ask()) {
      plan.failed(source, CUT, 0);
      const step = plan.next();
      if (step.kind === 'wait') pauses.push(step.until - clock.now());
    }
    assert.equal(pauses.length, 4);
    for (const [index, wholeMs] of [1000, 2000, 4000, 4000].entries()) {
      const pause = pauses[index] ?? 0;
      assert.ok(pause >= wholeMs / 2 && pause <= wholeMs, `${pause} of ${wholeMs}`);
    }
  });

  test('progress begins the rounds again; single bytes and a file that begins again do not count', () => {
    const rounds = (bytesAt: (attempt: number) => number): number => {
      const { plan, ask } = planOf([A]);
      let attempts = 0;
      for (let source = ask(); source !== undefined && attempts < 100; source = ask()) {
        attempts += 1;
        plan.failed(source, CUT, bytesAt(attempts));
      }
      return attempts;
    };
    assert.equal(
      rounds((attempt) => Math.min(attempt, 7) * 2_000_000),
      11,
    );
    assert.equal(
      rounds((attempt) => attempt),
      5,
    );
    assert.equal(
      rounds((attempt) => (attempt % 2) * 2_000_000),
      5,
    );
  });

  test('a source that has no such file is left out, and without a source the plan gives up at once', () => {
    const { plan, ask } = planOf([A, B]);
    const first = ask();
    assert.ok(first !== undefined);
    plan.failed(first, GONE, 0);
    const second = ask();
    assert.equal(second?.url.href, B);
    plan.failed(second, GONE, 0);
    assert.equal(plan.next().kind, 'give-up');
  });

  test('a busy source is asked after the time that it names, and the others meanwhile', () => {
    const { plan, clock, ask } = planOf([A, B]);
    const startedAt = clock.now();
    const first = ask();
    assert.ok(first !== undefined);
    plan.failed(first, busy(30), 0);
    for (let source = ask(); source !== undefined; source = ask()) {
      if (source.url.href === A) {
        assert.ok(clock.now() - startedAt >= 30_000, `${clock.now() - startedAt} ms`);
        return;
      }
      plan.failed(source, CUT, 0);
    }
    assert.fail('it was not asked again');
  });

  test('the source of the kept part comes first while it does well, before healthier ones', () => {
    const { plan, health, clock, ask } = planOf([A, B, C]);
    health.note(new URL(B).origin, true, clock.now());
    assert.equal(ask()?.url.href, B);
    assert.equal(ask(C)?.url.href, C);
    const step = plan.next(C);
    assert.deepEqual(step.kind === 'ask' && step.sources.map(({ url }) => url.href), [C, B, A]);
  });
});

test('the own URL of a file comes before the healthiest of other sites, unless it has failed lately', () => {
  const { plan, health, clock, ask } = planOf([A, B, C], undefined, undefined, true);
  for (let count = 0; count < 9; count += 1) health.note(new URL(C).origin, true, clock.now());
  const step = plan.next();
  assert.deepEqual(step.kind === 'ask' && step.sources.map(({ url }) => url.href), [A, C, B]);
  const own = ask();
  assert.ok(own !== undefined);
  assert.equal(ask(B)?.url.href, B, 'the source of the kept part');
  plan.failed(own, CUT, 0);
  const other = planOf([A, B, C], health, clock, true);
  assert.equal(other.ask()?.url.href, C);
  clock.advance(3_600_000);
  assert.equal(other.ask()?.url.href, A);
});

describe('the health of sources', () => {
  const sources = [A, B, C].map((url) => ({ url: new URL(url) }));
  const order = (health: SourceHealth, clock: VirtualClock): string =>
    health
      .order(sources, clock.now())
      .map(({ url }) => url.host[0])
      .join('');

  test('a failure lowers a source, successes raise it, and time lets both be forgotten', () => {
    const [health, clock] = [new SourceHealth(), new VirtualClock()];
    assert.equal(order(health, clock), 'abc');
    health.note('http://a.example', false, clock.now());
    health.note('http://c.example', true, clock.now());
    assert.equal(order(health, clock), 'cba');
    clock.advance(3 * 3_600_000);
    assert.equal(order(health, clock), 'abc');
    for (let count = 0; count < 50; count += 1) health.note('http://a.example', false, clock.now());
    for (let count = 0; count < 8; count += 1) health.note('http://a.example', true, clock.now());
    assert.equal(order(health, clock), 'abc', 'eight successes outweigh any number of failures');
  });
});

test('the scores of 256 servers are kept (SERVERS_MAX); the one noted longest ago is forgotten', () => {
  const [health, clock] = [new SourceHealth(), new VirtualClock()];
  const sources = [A, B].map((url) => ({ url: new URL(url) }));
  const first = (): string | undefined => health.order(sources, clock.now())[0]?.url.href;
  health.note(new URL(A).origin, false, clock.now());
  for (let number = 0; number < 255; number += 1) health.note(`http://${number}.example`, true, clock.now());
  assert.equal(first(), B);
  health.note('http://one-more.example', true, clock.now());
  assert.equal(first(), A);
});

describe('places', () => {
  const [a, b] = [{ url: new URL(A) }, { url: new URL(B) }];
  const never = new AbortController().signal;

  test('one host has its share, and those that came first are served first', async () => {
    const places = new Places(3, 2);
    const served: string[] = [];
    const take = (name: string, sources: readonly Source[], signal = never) =>
      places.take(sources, signal).then((place) => {
        served.push(`${name} ${place?.source.url.host[0]}`);
        return place;
      });
    const first = await take('1', [a]);
    const second = await take('2', [a]);
    void take('3', [a]);
    await take('4', [a, b]);
    assert.deepEqual(served, ['1 a', '2 a', '4 b']);
    void take('5', [b]);
    second?.giveBack();
    second?.giveBack();
    await new Promise(setImmediate);
    assert.deepEqual(served.slice(3), ['3 a']);
    first?.giveBack();
    await new Promise(setImmediate);
    assert.deepEqual(served.slice(4), ['5 b']);
  });

  test('a download that is stopped leaves the queue', async () => {
    const places = new Places(1, 1);
    const held = await places.take([a], never);
    const stop = new AbortController();
    const waiting = places.take([a], stop.signal);
    stop.abort();
    assert.equal(await waiting, undefined);
    assert.equal(await places.take([a], stop.signal), undefined);
    held?.giveBack();
    assert.ok((await places.take([a], never)) !== undefined);
  });
});
