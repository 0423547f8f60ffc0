// The bound on transfers of one address: what happens beyond it, and that other addresses notice nothing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Ipv4, ipv4 } from '../../src/ground/address.ts';
import { type Instant, instant, later } from '../../src/ground/clock.ts';
import { type Seat, type Seated, TransferPlaces } from '../../src/tftp/places.ts';

// The bounds as literals: raising one fails here.
const [UNANSWERED_OF_ADDRESS_MAX, TRANSFERS_OF_ADDRESS_MAX, TRANSFERS_MAX] = [512, 1024, 2048] as const;
const ONE = ipv4(0x0a140042);
const OTHER = ipv4(0x0a140064);
const THIRD = ipv4(0x0a1400c8);
const NOW: Instant = instant(1000);

class Request implements Seated<Request> {
  readonly origin: { readonly peer: Ipv4 };
  progress = { heardAt: NOW, overdue: false };
  seat: Seat<Request> | undefined;
  constructor(peer: Ipv4) {
    this.origin = { peer };
  }
}

/** Admits `count` requests of one address whose client answers. */
function answered(places: TransferPlaces<Request>, peer: Ipv4, count: number): readonly Request[] {
  return Array.from({ length: count }, () => {
    const request = new Request(peer);
    assert.equal(places.admit(request).kind, 'admitted');
    assert.equal(places.confirm(request, NOW).kind, 'admitted');
    return request;
  });
}

describe('the transfers of one address', () => {
  test('are at most half of all while there is room: the next one is refused, and one of another address is not', () => {
    const places = new TransferPlaces<Request>();
    answered(places, ONE, TRANSFERS_OF_ADDRESS_MAX);
    const next = new Request(ONE);
    assert.equal(places.admit(next).kind, 'admitted');
    assert.deepEqual(places.confirm(next, NOW), { kind: 'refused', bound: 'address' });
    assert.equal(places.size, TRANSFERS_OF_ADDRESS_MAX);
    const [other] = answered(places, OTHER, 1);
    assert.equal(other?.seat?.answered, true);
    assert.equal(places.size, 1025);
  });

  test('give way to the newest if their client is overdue', () => {
    const places = new TransferPlaces<Request>();
    const held = answered(places, ONE, TRANSFERS_OF_ADDRESS_MAX);
    const [, , waiting] = held;
    assert.ok(waiting);
    waiting.progress = { heardAt: NOW, overdue: true };
    const next = new Request(ONE);
    places.admit(next);
    const admission = places.confirm(next, NOW);
    assert.equal(admission.kind === 'admitted' && admission.evicted, waiting);
    assert.equal(places.size, TRANSFERS_OF_ADDRESS_MAX);
  });

  test('lose the one heard least recently to a newcomer, when they are the most of all and every place is taken', () => {
    const places = new TransferPlaces<Request>();
    const held = answered(places, ONE, TRANSFERS_OF_ADDRESS_MAX);
    answered(places, OTHER, TRANSFERS_MAX - TRANSFERS_OF_ADDRESS_MAX - 1);
    answered(places, THIRD, 1);
    const [first, second, ...rest] = held;
    assert.ok(first && second);
    for (const request of [first, ...rest]) request.progress = { heardAt: later(NOW, 60_000), overdue: false };
    const newcomer = new Request(THIRD);
    places.admit(newcomer);
    const admission = places.confirm(newcomer, NOW);
    assert.equal(admission.kind === 'admitted' && admission.evicted, second);
  });

  test('are at most half of all while unanswered: the oldest gives way', () => {
    const places = new TransferPlaces<Request>();
    const held = Array.from({ length: UNANSWERED_OF_ADDRESS_MAX }, () => new Request(ONE));
    for (const request of held) assert.equal(places.admit(request).kind, 'admitted');
    const admission = places.admit(new Request(ONE));
    assert.equal(admission.kind === 'admitted' && admission.evicted, held[0]);
    assert.equal(places.size, 512);
    assert.equal(places.admit(new Request(OTHER)).kind, 'admitted');
    assert.equal(places.size, 513);
  });
});
