// The places of request bodies: which client has one, which waits, which gives way, and when.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BODIES_WAITING_MAX,
  BODY_HELD_MS_MAX,
  BODY_LAG_MS_MAX,
  BODY_PACE,
  BODY_WAIT_MS_MAX,
  type BodyPlace,
  BodyPlaces,
  type PlacedClient,
} from '../../../src/net/shares/body-places.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const PLACES = 32;
const MACHINE = '10.0.0.200';

/** A client that sends at a rate in bytes per second. */
class Sender implements PlacedClient {
  readonly address: string;
  perSecond: number;
  awaited = true;
  moved = 0;
  gone = false;
  place: BodyPlace | undefined;
  got: 'placed' | 'waits' | 'refused' | 'gone' | 'lost' = 'waits';
  readonly #watchers = new Set<() => void>();

  constructor(address: string, perSecond: number) {
    this.address = address;
    this.perSecond = perSecond;
  }

  isAwaited = (): boolean => this.awaited;
  movedBytes = (): number => this.moved;
  isGone = (): boolean => this.gone;
  onGone(action: () => void): () => void {
    this.#watchers.add(action);
    return () => void this.#watchers.delete(action);
  }
  leave(): void {
    this.gone = true;
    for (const action of this.#watchers) action();
  }
}

/** A listener and the clients that want its places. */
class Door {
  readonly clock = new VirtualClock();
  readonly places: BodyPlaces;
  readonly senders: Sender[] = [];

  constructor(max = PLACES) {
    this.places = new BodyPlaces(this.clock, max);
  }

  async enter(address: string, perSecond: number, waits = true): Promise<Sender> {
    const sender = new Sender(address, perSecond);
    this.senders.push(sender);
    void this.places.take(address, sender, waits).then((got) => {
      if (typeof got === 'string') {
        sender.got = got;
        return;
      }
      sender.place = got;
      sender.got = 'placed';
      void got.whenLost.then(() => {
        sender.got = 'lost';
        got.release();
      });
    });
    await settle();
    return sender;
  }

  /** `count` senders with one address each, in one network. */
  async crowd(count: number, perSecond: number, prefix = '10.0.0.'): Promise<Sender[]> {
    const entered: Sender[] = [];
    for (let index = 0; index < count; index += 1) entered.push(await this.enter(`${prefix}${index}`, perSecond));
    return entered;
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      for (const sender of this.senders) if (sender.got === 'placed') sender.moved += sender.perSecond;
      this.clock.advance(1000);
      await settle();
    }
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const having = (senders: readonly Sender[], got: Sender['got']): number =>
  senders.filter((sender) => sender.got === got).length;
const seconds = (ms: number): number => Math.ceil(ms / 1000);

describe('BodyPlaces', () => {
  for (const [name, prefix] of [
    ['in the network of the newcomer', '10.0.0.'],
    ['each in another network', '10.'],
  ] as const) {
    test(`with as many addresses as places, ${name}, a lagging client gives way to a newcomer within seconds`, async () => {
      const door = new Door();
      const slow: Sender[] = [];
      for (let index = 0; index < PLACES; index += 1) {
        slow.push(await door.enter(prefix === '10.' ? `10.${1 + index}.0.1` : `${prefix}${index}`, 1024));
      }
      const machine = await door.enter(MACHINE, BODY_PACE);
      assert.equal(machine.got, 'waits');
      await door.pass(seconds(BODY_LAG_MS_MAX) + 2);
      assert.equal(machine.got, 'placed');
      assert.equal(having(slow, 'lost'), 1);
    });
  }

  test('a client that keeps pace does not give way to an equal, until the server has waited for it for the maximum time', async () => {
    const door = new Door();
    const steady = await door.crowd(PLACES, BODY_PACE);
    await door.pass(seconds(BODY_HELD_MS_MAX) - seconds(BODY_WAIT_MS_MAX) + 5);
    const machine = await door.enter(MACHINE, BODY_PACE);
    await door.pass(seconds(BODY_WAIT_MS_MAX) - 6);
    assert.equal(having(steady, 'placed'), PLACES);
    assert.equal(machine.got, 'waits');
    await door.pass(3);
    assert.equal(machine.got, 'placed');
    assert.equal(having(steady, 'lost'), 1);
  });

  test('a client that sends much at first and then stops is late', async () => {
    const door = new Door();
    const senders = await door.crowd(PLACES, 64 * BODY_PACE);
    await door.pass(1);
    for (const sender of senders) sender.perSecond = 0;
    const machine = await door.enter(MACHINE, BODY_PACE);
    await door.pass(seconds(BODY_LAG_MS_MAX) + 2);
    assert.equal(machine.got, 'placed');
  });

  test('a client that catches up is no longer late', async () => {
    const door = new Door();
    const senders = await door.crowd(PLACES, 0);
    await door.pass(seconds(BODY_LAG_MS_MAX) + 2);
    for (const sender of senders) sender.perSecond = 16 * BODY_PACE;
    await door.pass(1);
    for (const sender of senders) sender.perSecond = BODY_PACE;
    const machine = await door.enter(MACHINE, BODY_PACE);
    await door.pass(3);
    assert.equal(machine.got, 'waits');
  });

  test('time spent waiting for anything but the client does not count', async () => {
    const door = new Door();
    for (const sender of await door.crowd(PLACES, 0)) sender.awaited = false;
    await door.pass(2 * seconds(BODY_HELD_MS_MAX));
    const machine = await door.enter(MACHINE, BODY_PACE);
    await door.pass(seconds(BODY_WAIT_MS_MAX) - 2);
    assert.equal(machine.got, 'waits');
  });

  test('no client is disconnected while no other wants the place', async () => {
    const door = new Door();
    const slow = await door.crowd(PLACES, 1);
    await door.pass(2 * seconds(BODY_HELD_MS_MAX));
    assert.equal(having(slow, 'placed'), PLACES);
  });

  test('a waiting client gets a place as soon as one is released', async () => {
    const door = new Door(1);
    const first = await door.enter('10.0.0.1', BODY_PACE);
    const second = await door.enter('10.0.0.2', BODY_PACE);
    assert.equal(second.got, 'waits');
    first.place?.release();
    await settle();
    assert.deepEqual([second.got, door.places.size], ['placed', 1]);
  });

  test('a client that gave up a place gets it back only after clients without one, even if it has waited longer', async () => {
    const door = new Door(2);
    const held = await door.crowd(2, BODY_PACE);
    await door.enter('10.0.0.0', BODY_PACE);
    const machine = await door.enter(MACHINE, BODY_PACE);
    held[0]?.place?.release();
    await settle();
    assert.equal(machine.got, 'placed');
  });

  test('a client that waited too long is refused, and so is one that finds no room to wait or does not want to', async () => {
    const door = new Door(1);
    await door.enter('10.1.0.1', BODY_PACE);
    assert.equal((await door.enter(MACHINE, BODY_PACE, false)).got, 'refused');
    const waits = await door.crowd(BODIES_WAITING_MAX, BODY_PACE);
    assert.equal((await door.enter('10.0.0.0', BODY_PACE)).got, 'refused');
    assert.deepEqual([door.places.size, having(waits, 'waits')], [1, BODIES_WAITING_MAX]);
    await door.pass(seconds(BODY_WAIT_MS_MAX) + 1);
    assert.equal(having(waits, 'refused'), BODIES_WAITING_MAX);
  });

  test('a client that leaves while waiting makes room', async () => {
    const door = new Door(1);
    await door.enter('10.0.0.1', BODY_PACE);
    const leaves = await door.enter('10.0.0.2', BODY_PACE);
    leaves.leave();
    await settle();
    assert.equal(leaves.got, 'gone');
  });

  test('twice as many attackers as places, each returning after a disconnect, delay no newcomer beyond its maximum wait', async () => {
    const door = new Door();
    await door.crowd(2 * PLACES, 1024);
    await door.pass(3);
    const machine = await door.enter(MACHINE, BODY_PACE);
    for (let second = 0; machine.got === 'waits' && second < 60; second += 1) {
      await door.pass(1);
      for (const sender of [...door.senders]) {
        if (sender === machine || sender.got === 'placed' || sender.got === 'waits') continue;
        door.senders.splice(door.senders.indexOf(sender), 1);
        await door.enter(sender.address, 1024);
      }
    }
    assert.equal(machine.got, 'placed');
  });

  test('without clients, no timer is left', async () => {
    const door = new Door();
    const [one] = await door.crowd(1, BODY_PACE);
    one?.place?.release();
    await door.pass(2);
    assert.equal(door.clock.pending, 0);
  });
});
