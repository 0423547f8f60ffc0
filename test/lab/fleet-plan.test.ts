// The plan of a hall: always the same machines, unique names, many states, each rack with its share.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLEET_MACHINES_MAX, FLEET_RACKS_MAX, planFleet } from '../../src/lab/fleet-plan.ts';
import { rackPlace } from '../../src/lab/lab-files.ts';

test('every machine of the largest hall has a unique, valid hostname', () => {
  const names = planFleet(FLEET_MACHINES_MAX, FLEET_RACKS_MAX).map(({ hostname }) => hostname);
  assert.equal(new Set(names).size, FLEET_MACHINES_MAX);
  assert.deepEqual(names.slice(0, 5), ['web-1', 'db-1', 'web-2', 'node-1', 'store-1']);
});

test('a hall of twelve shows six states, and each rack has its share', () => {
  const plan = planFleet(12, 2);
  assert.equal(new Set(plan.map(({ goal }) => goal)).size, 6);
  assert.deepEqual(
    [0, 1].map((rack) => plan.filter((machine) => machine.rack === rack).length),
    [6, 6],
  );
});

test('hardware differs by role, and is marked as simulated', () => {
  const kinds = new Map(planFleet(5, 1).map(({ hostname, kind }) => [hostname, kind]));
  assert.ok([...kinds.values()].every(({ product }) => product.endsWith(', simulated')));
  assert.equal(new Set([...kinds.values()].map(({ memoryMib }) => memoryMib)).size, 4);
  assert.deepEqual([kinds.get('store-1')?.disks, kinds.get('store-1')?.rotational], [12, true]);
});

test('no two racks share a network or a port of loopback', () => {
  const places = Array.from({ length: FLEET_RACKS_MAX }, (_, index) => rackPlace(index));
  const ports = places.flatMap((place) =>
    Object.values(place).filter((value) => typeof value === 'number' && value < 65_536),
  );
  assert.equal(new Set(ports).size, ports.length);
  assert.equal(new Set(places.map(({ octets }) => octets)).size, places.length);
});
