import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant, later } from '../../src/ground/clock.ts';
import {
  COMMANDS_MAX,
  POWER_QUERIES_MAX,
  PowerQueue,
  type PowerTask,
  QUERIES_RUNNING_MAX,
  RUNNING_MAX,
  WAITING_MS_MAX,
} from '../../src/power/queue.ts';
import { printedRandom } from '../support/printed-random.ts';

const NOW = instant(1_000);
const command = (id: string, machine = id, controller = machine): PowerTask => ({
  id,
  machine,
  controller,
  isQuery: false,
});
const question = (id: string, machine = id, controller = machine): PowerTask => ({
  ...command(id, machine, controller),
  isQuery: true,
});

function takeAll(queue: PowerQueue<PowerTask>): string[] {
  const taken: string[] = [];
  for (let task = queue.takeNext(); task !== undefined; task = queue.takeNext()) taken.push(task.id);
  return taken;
}

test('a second command for a machine is answered with the first, waiting or running', () => {
  const queue = new PowerQueue<PowerTask>();
  const first = command('1', 'm');
  assert.deepEqual(queue.submit(first, NOW), { kind: 'waiting' });
  assert.deepEqual(queue.submit(command('2', 'm'), NOW), { kind: 'busy', by: first });
  assert.deepEqual(takeAll(queue), ['1']);
  assert.deepEqual(queue.submit(command('2', 'm'), NOW), { kind: 'busy', by: first });
  queue.finish(first);
  assert.deepEqual(queue.submit(command('2', 'm'), NOW), { kind: 'waiting' });
});

test('a command replaces a waiting query, and waits for a running one', () => {
  const queue = new PowerQueue<PowerTask>();
  const asked = question('q', 'm');
  queue.submit(asked, NOW);
  assert.deepEqual(queue.submit(command('1', 'm'), NOW), { kind: 'waiting', dropped: asked });
  assert.deepEqual(takeAll(queue), ['1']);

  const other = new PowerQueue<PowerTask>();
  other.submit(asked, NOW);
  assert.deepEqual(takeAll(other), ['q']);
  assert.deepEqual(other.submit(command('1', 'm'), NOW), { kind: 'waiting' });
  assert.deepEqual(takeAll(other), []);
  other.finish(asked);
  assert.deepEqual(takeAll(other), ['1']);
});

test('a query of a machine with a command is not taken', () => {
  const queue = new PowerQueue<PowerTask>();
  const first = command('1', 'm');
  queue.submit(first, NOW);
  assert.deepEqual(queue.submit(question('q', 'm'), NOW), { kind: 'busy', by: first });
});

test('a controller runs one task at a time, and does not delay others', () => {
  const queue = new PowerQueue<PowerTask>();
  const first = command('1', 'a', 'host');
  queue.submit(first, NOW);
  queue.submit(command('2', 'b', 'host'), NOW);
  queue.submit(command('3', 'c', 'other'), NOW);
  assert.deepEqual(takeAll(queue), ['1', '3']);
  queue.finish(first);
  assert.deepEqual(takeAll(queue), ['2']);
});

test('commands go before queries, and queries leave room for them', () => {
  const queue = new PowerQueue<PowerTask>();
  for (let index = 0; index < 100; index += 1) queue.submit(question(`q${index}`), NOW);
  assert.equal(takeAll(queue).length, QUERIES_RUNNING_MAX);
  for (let index = 0; index < 100; index += 1) queue.submit(command(`c${index}`), NOW);
  const taken = takeAll(queue);
  assert.equal(taken.length, RUNNING_MAX - QUERIES_RUNNING_MAX);
  assert.ok(taken.every((id) => id.startsWith('c')));
});

test('at its bounds the queue reports that it is full', () => {
  const queue = new PowerQueue<PowerTask>();
  for (let index = 0; index < COMMANDS_MAX; index += 1) queue.submit(command(`c${index}`), NOW);
  for (let index = 0; index < POWER_QUERIES_MAX; index += 1) queue.submit(question(`q${index}`), NOW);
  assert.deepEqual(queue.submit(command('more'), NOW), { kind: 'full' });
  assert.deepEqual(queue.submit(question('more'), NOW), { kind: 'full' });
});

test('only tasks that have waited too long are removed', () => {
  const queue = new PowerQueue<PowerTask>();
  queue.submit(command('1'), NOW);
  queue.submit(question('q'), later(NOW, 5));
  assert.equal(queue.nextOverdueAt, later(NOW, WAITING_MS_MAX));
  assert.equal(queue.takeOverdue(later(NOW, WAITING_MS_MAX - 1)), undefined);
  assert.equal(queue.takeOverdue(later(NOW, WAITING_MS_MAX))?.id, '1');
  assert.equal(queue.takeOverdue(later(NOW, WAITING_MS_MAX)), undefined);
  assert.equal(queue.nextOverdueAt, later(NOW, WAITING_MS_MAX + 5));
  assert.deepEqual(queue.submit(command('2', '1'), NOW), { kind: 'waiting' });
});

test('in random use its bounds hold, and every task comes out once', () => {
  const random = printedRandom('power');
  const queue = new PowerQueue<PowerTask>();
  const running = new Map<string, PowerTask>();
  const open = new Set<string>();
  let now = NOW;
  for (let step = 0; step < 20_000; step += 1) {
    now = later(now, random(2_000));
    const machine = `m${random(60)}`;
    const task = random(2) === 0 ? command(`${step}`, machine) : question(`${step}`, machine);
    const admission = queue.submit({ ...task, controller: `c${Number(machine.slice(1)) % 12}` }, now);
    if (admission.kind === 'waiting') {
      open.add(task.id);
      if (admission.dropped !== undefined) assert.ok(open.delete(admission.dropped.id));
    }
    for (let next = queue.takeNext(); next !== undefined; next = queue.takeNext()) {
      const taken = next;
      assert.ok([...running.values()].every(({ controller }) => controller !== taken.controller));
      running.set(taken.id, taken);
    }
    for (let late = queue.takeOverdue(now); late !== undefined; late = queue.takeOverdue(now)) {
      assert.ok(open.delete(late.id));
    }
    assert.ok(running.size <= RUNNING_MAX);
    assert.ok([...running.values()].filter(({ isQuery: isQuestion }) => isQuestion).length <= QUERIES_RUNNING_MAX);
    for (const ended of [...running.values()].filter(() => random(4) === 0)) {
      running.delete(ended.id);
      assert.ok(open.delete(ended.id));
      queue.finish(ended);
    }
  }
  const end = (task: PowerTask): void => {
    assert.ok(open.delete(task.id));
    queue.finish(task);
  };
  for (const task of running.values()) end(task);
  for (let next = queue.takeNext(); next !== undefined; next = queue.takeNext()) end(next);
  assert.equal(open.size, 0);
});
