// Which listeners of the API are open when configurations follow each other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListeningApi } from '../../../src/region/http/listening.ts';
import type { ApiContext } from '../../../src/region/http/routes.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { type LiveRegion, startRegion } from '../live.ts';

test('two configurations that overlap open each listener once, and the later one is in force', async () => {
  const live = await startRegion();
  try {
    const [one, two] = [await freePort(), await freePort()];
    const listen = (...ports: readonly number[]) => ({
      ...live.config,
      listen: ports.map((port) => ({ host: '127.0.0.1', port })),
    });
    await Promise.all([live.api.configure(listen(one, two)), live.api.configure(listen(one))]);
    assert.deepEqual(live.api.addresses, [`127.0.0.1:${one}`]);
    await Promise.all([live.api.configure(listen(two)), live.api.configure(listen(two, one))]);
    assert.deepEqual([...live.api.addresses].sort(), [`127.0.0.1:${one}`, `127.0.0.1:${two}`].sort());
  } finally {
    await live.close();
  }
});

/** An API whose listeners open when the test says so. */
class SlowDoors {
  readonly live: LiveRegion;
  readonly clock: VirtualClock;
  readonly api: ListeningApi;
  /** By port: what each attempt to listen waits for, the oldest first. */
  readonly attempts: { readonly port: number; readonly settle: (error?: Error) => void }[] = [];
  open = 0;
  /** Those that have closed since, too. */
  opened = 0;

  constructor(live: LiveRegion) {
    this.live = live;
    this.clock = new VirtualClock();
    const context = makeContext(live.region);
    const region = new Proxy(live.region, {
      get: (target, name) => {
        const value: unknown = name === 'clock' ? this.clock : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    this.api = new ListeningApi({ ...context, region }, (built) => this.#build(built));
  }

  #build(context: ApiContext) {
    const app = buildApp(context);
    const { listen } = app;
    Reflect.set(app, 'listen', async (options: { readonly port: number }) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.attempts.push({
        port: options.port,
        settle: (error) => (error === undefined ? resolve() : reject(error)),
      });
      await promise;
      // A port of the system's choice stands for the one that was asked for, so that a second listener of it would be seen.
      await Reflect.apply(listen, app, [{ host: '127.0.0.1', port: 0 }]);
      this.open += 1;
      this.opened += 1;
      app.server.once('close', () => {
        this.open -= 1;
      });
    });
    return app;
  }

  listen(...ports: readonly number[]) {
    return { ...this.live.config, listen: ports.map((port) => ({ host: '127.0.0.1', port })) };
  }

  async attempt(count: number): Promise<void> {
    await eventuallyWithin(2000, `attempt ${count}`, () => this.attempts.length === count);
  }

  settle(index: number, error?: Error): void {
    const attempt = this.attempts[index];
    assert.ok(attempt !== undefined, `there was no attempt ${index}`);
    attempt.settle(error);
  }
}

const noSuchAddress = (): Error => Object.assign(new Error('no such address'), { code: 'EADDRNOTAVAIL' });

async function withSlowDoors(action: (doors: SlowDoors) => Promise<void>) {
  const live = await startRegion();
  try {
    const doors = new SlowDoors(live);
    await action(doors);
    await doors.api.close();
  } finally {
    await live.close();
  }
}

test('a listener that is being retried does not open once a configuration without it is in force', async () => {
  await withSlowDoors(async (doors) => {
    const first = doors.api.configure(doors.listen(1));
    await doors.attempt(1);
    doors.settle(0, noSuchAddress());
    await first;
    await doors.clock.pass(1000);
    await doors.attempt(2);
    const second = doors.api.configure(doors.listen());
    doors.settle(1);
    await second;
    await eventuallyWithin(2000, 'the retry is over', () => doors.opened === 1);
    await eventuallyWithin(2000, 'no listener', () => doors.open === 0);
    assert.deepEqual(doors.api.addresses, []);
  });
});

test('the end waits for a configuration that is being put into force, and leaves no listener open', async () => {
  await withSlowDoors(async (doors) => {
    const configuring = doors.api.configure(doors.listen(1, 2));
    await doors.attempt(1);
    let isClosed = false;
    const closing = doors.api.close().then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClosed, false);
    doors.settle(0);
    await doors.attempt(2);
    doors.settle(1);
    await Promise.all([configuring, closing]);
    assert.equal(doors.open, 0);
  });
});

test('a listener at a late address is reported with its setting until it opens, and is retried while another program has its port', async () => {
  await withSlowDoors(async (doors) => {
    const reported: (readonly string[])[] = [];
    doors.api.watch(
      () => undefined,
      (listeners) => reported.push(listeners.map(({ text }) => text)),
    );
    const configuring = doors.api.configure(doors.listen(1));
    await doors.attempt(1);
    doors.settle(0, noSuchAddress());
    await configuring;
    assert.match(String(reported.at(-1)), /:1 is not an address of this host yet; .*region\.listen$/);
    await doors.clock.pass(1000);
    await doors.attempt(2);
    doors.settle(1, Object.assign(new Error('taken'), { code: 'EADDRINUSE' }));
    await eventuallyWithin(2000, 'the port is reported', () => reported.length === 2);
    assert.match(String(reported.at(-1)), /:1 is in use: stop its owner .*, or change region\.listen$/);
    await doors.clock.pass(1000);
    await doors.attempt(3);
    doors.settle(2);
    await eventuallyWithin(2000, 'nothing is left to tell', () => reported.length === 3);
    assert.deepEqual(reported.at(-1), []);
    assert.equal(doors.open, 1);
  });
});
