import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AttemptFault } from '../../../src/images/download/fault.ts';
import { SourceHealth, SourcePlan } from '../../../src/images/download/source-plan.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const [A, B, C] = ['http://a.example/f', 'http://b.example/f', 'http://c.example/f'] as const;
const SETTINGS = { pauseMs: 1000, pauseMsMax: 4000, roundsMax: 5 };
const CUT: AttemptFault = { code: 'cut', params: { host: 'x', bytes: 0, total: undefined, detail: '' } };
const GONE: AttemptFault = { code: 'http-refused', params: { host: 'x', status: 404 } };
const busy = (seconds: number): AttemptFault => ({ code: 'busy', params: { host: 'x', status: 503, seconds } });

function planOf(urls: readonly string[], health = new SourceHealth(), clock = new VirtualClock()) {
  const plan = new SourcePlan(
    urls.map((url) => new URL(url)),
    health,
    clock,
    SETTINGS,
  );
  /** The next source, after any pause; its name, or `give-up`. */
  const ask = (kept?: string): URL | undefined => {
    for (;;) {
      const step = plan.next(kept);
      if (step.kind === 'give-up') return undefined;
      if (step.kind === 'ask') return step.url;
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
      asked.push(source.host[0] ?? '');
      plan.recordFailure(source, CUT, 0);
    }
    assert.equal(asked.length, 10);
    for (let round = 0; round < 5; round += 1) assert.equal(new Set(asked.slice(2 * round, 2 * round + 2)).size, 2);
  });

  test('the pause doubles up to its bound, and varies by half', () => {
    const { plan, clock, ask } = planOf([A]);
    const pauses: number[] = [];
    for (let source = ask(); source !== undefined; source = ask()) {
      plan.recordFailure(source, CUT, 0);
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
        plan.recordFailure(source, CUT, bytesAt(attempts));
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
    plan.recordFailure(first, GONE, 0);
    const second = ask();
    assert.equal(second?.href, B);
    plan.recordFailure(second, GONE, 0);
    assert.equal(plan.next().kind, 'give-up');
  });

  test('a busy source is asked after the time that it names, and the others meanwhile', () => {
    const { plan, clock, ask } = planOf([A, B]);
    const startedAt = clock.now();
    const first = ask();
    assert.ok(first !== undefined);
    plan.recordFailure(first, busy(30), 0);
    for (let source = ask(); source !== undefined; source = ask()) {
      if (source.href === A) {
        assert.ok(clock.now() - startedAt >= 30_000, `${clock.now() - startedAt} ms`);
        return;
      }
      plan.recordFailure(source, CUT, 0);
    }
    assert.fail('it was not asked again');
  });

  test('the source of the kept part comes first, and a server that failed lately last', () => {
    const { plan, health, clock, ask } = planOf([A, B, C]);
    assert.equal(ask(C)?.href, C);
    const first = ask();
    assert.ok(first?.href === A);
    plan.recordFailure(first, CUT, 0);
    const other = planOf([A, B], health, clock);
    assert.equal(other.ask()?.href, B);
    clock.advance(3_600_000);
    assert.equal(other.ask()?.href, A);
    health.recordOutcome(new URL(A), false, clock.now());
    health.recordOutcome(new URL(A), true, clock.now());
    assert.equal(other.ask()?.href, A);
  });
});

test('the failures of 256 servers are remembered (SERVERS_MAX); the one noted longest ago is forgotten', () => {
  const [health, clock] = [new SourceHealth(), new VirtualClock()];
  const note = (url: string): void => health.recordOutcome(new URL(url), false, clock.now());
  note(A);
  for (let number = 0; number < 255; number += 1) note(`http://${number}.example`);
  assert.ok(health.hasFailedRecently(new URL(A), clock.now()));
  note('http://one-more.example');
  assert.ok(!health.hasFailedRecently(new URL(A), clock.now()));
});
