// The transfer engine: its rules one by one, then whole transfers over links that lose, duplicate and reorder packets.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant, milliseconds } from '../../src/ground/clock.ts';
import { type NegotiatedOptions, negotiateOptions } from '../../src/tftp/negotiated-options.ts';
import type { TftpOption } from '../../src/tftp/packet.ts';
import { SENDINGS_UNANSWERED_MAX, Transfer, type TransferAction, type TransferInput } from '../../src/tftp/transfer.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type ClientModel, GOOD_LINK, simulateTransfer, USUAL_CLIENT } from './simulated-transfer.ts';

const options = (values: Readonly<Record<string, number>>): readonly TftpOption[] =>
  Object.entries(values).map(([name, value]) => ({ name, value: String(value) }));

const PLAIN: NegotiatedOptions = {
  blockBytes: 512,
  windowBlocks: 1,
  timeoutMs: milliseconds(1000),
  timeoutAsked: false,
  granted: [],
};
const windowed = (windowBlocks: number): NegotiatedOptions =>
  negotiateOptions(options({ blksize: 512, windowsize: windowBlocks }), 100_000);

/** An action in a few characters: `4-7` for blocks, `oack`, `sent`. */
function brief(action: TransferAction | undefined): string {
  if (action === undefined) return '-';
  if (action.kind === 'send-options') return 'oack';
  if (action.kind === 'end') return action.outcome.kind;
  return `${action.first}-${action.first + action.count - 1}`;
}

/** Drives an engine by a script of `time input → expected`; packets leave at once. */
function follow(transfer: Transfer, script: readonly (readonly [number, string, string])[]): void {
  for (const [atMs, input, expected] of script) {
    const now = instant(atMs);
    const [word = '', number = '0'] = input.split(' ');
    const action =
      word === 'start'
        ? transfer.start(now)
        : word === 'ack'
          ? transfer.handle({ kind: 'ack', block: Number(number) }, now)
          : word === 'error'
            ? transfer.handle({ kind: 'error', code: Number(number), message: '' }, now)
            : word === 'unreachable'
              ? transfer.handle({ kind: 'unreachable' }, now)
              : transfer.handle({ kind: word === 'request' ? 'request-again' : 'deadline' }, now);
    assert.equal(brief(action), expected, `at ${atMs}: ${input}`);
  }
}

const SCRIPTS: readonly {
  readonly name: string;
  readonly terms: NegotiatedOptions;
  readonly size: number;
  readonly script: readonly (readonly [number, string, string])[];
}[] = [
  {
    name: 'without options the first block is the answer (RFC 1350 §4)',
    terms: PLAIN,
    size: 700,
    script: [
      [0, 'start', '1-1'],
      [1, 'ack 1', '2-2'],
      [2, 'ack 2', 'sent'],
      [3, 'ack 2', '-'],
    ],
  },
  {
    name: 'an empty file is one empty block',
    terms: PLAIN,
    size: 0,
    script: [
      [0, 'start', '1-1'],
      [1, 'ack 1', 'sent'],
    ],
  },
  {
    name: 'a length that is a multiple of the block size ends with an empty block (RFC 1350 §6)',
    terms: PLAIN,
    size: 1024,
    script: [
      [0, 'start', '1-1'],
      [1, 'ack 1', '2-2'],
      [2, 'ack 2', '3-3'],
      [3, 'ack 3', 'sent'],
    ],
  },
  {
    name: 'a repeated ACK is never answered with data when the window is one block (RFC 1123 §4.2.3.1)',
    terms: PLAIN,
    size: 5000,
    script: [
      [0, 'start', '1-1'],
      [5, 'ack 1', '2-2'],
      [6, 'ack 1', '-'],
      [900, 'ack 1', '-'],
      [950, 'ack 0', '-'],
      [960, 'ack 2', '3-3'],
    ],
  },
  {
    name: 'granted options are acknowledged with 0 before the first block (RFC 2347)',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [1, 'ack 1', '-'],
      [2, 'ack 0', '1-4'],
    ],
  },
  {
    name: 'an ACK within the window restarts after that block (RFC 7440 §4), once the window had its usual round trip',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [10, 'ack 0', '1-4'],
      [20, 'ack 2', '3-6'],
      [21, 'ack 1', '-'],
      [30, 'ack 6', '7-10'],
      [31, 'ack 11', '-'],
      [32, 'ack 8', '-'],
      [39, 'deadline', '-'],
      [40, 'deadline', '9-12'],
    ],
  },
  {
    name: 'an ACK of the whole window supersedes an earlier ACK within it',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [10, 'ack 0', '1-4'],
      [12, 'ack 2', '-'],
      [13, 'ack 4', '5-8'],
      [20, 'deadline', '-'],
    ],
  },
  {
    name: 'a client that already had the repeated blocks is sent only the following ones',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [10, 'ack 0', '1-4'],
      [20, 'ack 2', '3-6'],
      [21, 'ack 4', '7-8'],
      [30, 'ack 8', '9-12'],
    ],
  },
  {
    name: 'a repeated ACK asks for the window again once, and not before a round trip has passed',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [10, 'ack 0', '1-4'],
      [12, 'ack 0', '-'],
      [20, 'ack 0', '1-4'],
      [50, 'ack 0', '-'],
      [60, 'ack 4', '5-8'],
    ],
  },
  {
    name: 'a repeated ACK caused by a copy of the previous window does not count as a loss',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [10, 'ack 0', '1-4'],
      [20, 'ack 0', '1-4'],
      [21, 'ack 4', '5-8'],
      [35, 'ack 4', '-'],
      [36, 'ack 4', '5-8'],
    ],
  },
  {
    name: 'a client that never answers is sent the first packet three times, with growing waits, then times out',
    terms: PLAIN,
    size: 5000,
    script: [
      [0, 'start', '1-1'],
      [999, 'deadline', '-'],
      [1000, 'deadline', '1-1'],
      [2999, 'deadline', '-'],
      [3000, 'deadline', '1-1'],
      [6999, 'deadline', '-'],
      [7000, 'deadline', 'timed-out'],
      [7001, 'ack 1', '-'],
    ],
  },
  {
    name: 'repeated requests do not earn a client that never answers a fourth packet',
    terms: windowed(4),
    size: 5000,
    script: [
      [0, 'start', 'oack'],
      [5, 'request', 'oack'],
      [6, 'request', 'oack'],
      [7, 'request', '-'],
      [3000, 'request', '-'],
      [4006, 'deadline', 'timed-out'],
    ],
  },
  {
    name: 'later unanswered packets are sent again with growing waits, then the client times out',
    terms: PLAIN,
    size: 5000,
    script: [
      [0, 'start', '1-1'],
      [1000, 'ack 1', '2-2'],
      [2000, 'deadline', '2-2'],
      [4000, 'deadline', '2-2'],
      [8000, 'deadline', '2-2'],
      [16_000, 'deadline', '2-2'],
      [24_000, 'deadline', '2-2'],
      [32_000, 'deadline', '2-2'],
      [40_000, 'deadline', '2-2'],
      [47_999, 'deadline', '-'],
      [48_000, 'deadline', 'timed-out'],
    ],
  },
  {
    name: 'a timeout of 255 keeps no transfer beyond the allowed silence (RFC 2349)',
    terms: negotiateOptions(options({ timeout: 255, windowsize: 4 }), 5000),
    size: 5000,
    script: [
      [0, 'start', 'oack'],
      [1, 'ack 0', '1-4'],
      [20_001, 'deadline', '1-4'],
      [40_001, 'deadline', '1-4'],
      [60_000, 'deadline', '-'],
      [60_001, 'deadline', 'timed-out'],
    ],
  },
  {
    name: 'ACKs that acknowledge nothing new do not keep a transfer alive',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [10, 'ack 0', '1-4'],
      [20_000, 'ack 0', '1-4'],
      [40_000, 'ack 0', '-'],
      [60_009, 'ack 0', '-'],
      [60_010, 'deadline', 'timed-out'],
    ],
  },
  {
    name: "a transfer ends at once when the client's host reports a closed port (RFC 1122 §4.1.3.3)",
    terms: PLAIN,
    size: 5000,
    script: [
      [0, 'start', '1-1'],
      [1, 'unreachable', 'unreachable'],
      [1000, 'deadline', '-'],
    ],
  },
  {
    name: 'progress restores the full number of sendings',
    terms: PLAIN,
    size: 5000,
    script: [
      [0, 'start', '1-1'],
      [1000, 'deadline', '1-1'],
      [3000, 'deadline', '1-1'],
      [3001, 'ack 1', '2-2'],
      [3001 + 4000, 'deadline', '2-2'],
      [3001 + 12_000, 'deadline', '2-2'],
      [3001 + 20_000, 'deadline', '2-2'],
      [3001 + 28_000, 'deadline', '2-2'],
      [3001 + 36_000, 'deadline', '2-2'],
      [3001 + 44_000, 'deadline', '2-2'],
      [3001 + 52_000, 'deadline', '2-2'],
      [3001 + 60_000, 'deadline', 'timed-out'],
    ],
  },
  {
    name: 'the first wait follows the measured round trips, within its bounds (RFC 1123 §4.2.3.2)',
    terms: PLAIN,
    size: 5000,
    script: [
      [0, 'start', '1-1'],
      [1, 'ack 1', '2-2'],
      [200, 'deadline', '-'],
      [201, 'deadline', '2-2'],
      [600, 'deadline', '-'],
      [601, 'deadline', '2-2'],
      [1500, 'ack 2', '3-3'],
      [1501, 'ack 3', '4-4'],
      [1700, 'deadline', '-'],
      [1701, 'deadline', '4-4'],
    ],
  },
  {
    name: 'on a path slower than the first wait, the wait stays doubled until a round trip is measured (RFC 6298 §5)',
    terms: PLAIN,
    size: 5000,
    script: [
      [0, 'start', '1-1'],
      [1000, 'deadline', '1-1'],
      [1500, 'ack 1', '2-2'],
      [2500, 'ack 1', '-'],
      [3000, 'ack 2', '3-3'],
      [4000, 'deadline', '3-3'],
      [4500, 'ack 3', '4-4'],
      [6000, 'ack 4', '5-5'],
    ],
  },
  {
    name: 'the negotiated timeout is the first wait (RFC 2349)',
    terms: negotiateOptions(options({ timeout: 20 }), 5000),
    size: 5000,
    script: [
      [0, 'start', 'oack'],
      [19_999, 'deadline', '-'],
      [20_000, 'deadline', 'oack'],
      [40_000, 'deadline', 'oack'],
    ],
  },
  {
    name: 'a repeated request is answered again until the client has answered',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [5, 'request', 'oack'],
      [6, 'ack 0', '1-4'],
      [7, 'request', '-'],
    ],
  },
  {
    name: 'an error with code 8 after the granted options is a size probe',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [1, 'error 8', 'probed'],
    ],
  },
  {
    name: 'an error with another code, or a later one, aborts the transfer',
    terms: windowed(4),
    size: 100_000,
    script: [
      [0, 'start', 'oack'],
      [1, 'ack 0', '1-4'],
      [2, 'error 8', 'aborted'],
      [3, 'error 8', '-'],
    ],
  },
];

for (const { name, terms, size, script } of SCRIPTS) test(name, () => follow(new Transfer(terms, size), script));

/** How many of these packets a transfer takes at one moment; undefined: all of 5000. */
function takes(transfer: Transfer, input: TransferInput, at: number): number | undefined {
  for (let taken = 0; taken < 5000; taken += 1) {
    const action = transfer.handle(input, instant(at));
    if (action?.kind === 'end') {
      assert.deepEqual(action, { kind: 'end', outcome: { kind: 'flooded' } });
      return taken;
    }
  }
  return undefined;
}

test('a client that floods its transfer ends it, whatever its packets are', () => {
  for (const [name, input, windowBlocks] of [
    ['ACKs of nothing new', { kind: 'ack', block: 0 }, 1],
    ['ACKs of nothing new in windows', { kind: 'ack', block: 0 }, 64],
    ['ACKs of blocks that were never sent', { kind: 'ack', block: 999 }, 1],
    ['packets that are neither ACK nor ERROR', { kind: 'malformed' }, 1],
  ] as const) {
    for (const answered of [false, true]) {
      const transfer = new Transfer(windowed(windowBlocks), 1_000_000);
      transfer.start(instant(0));
      if (answered) transfer.handle({ kind: 'ack', block: 0 }, instant(0));
      const taken = takes(transfer, input, 1);
      // 64, and two for each packet that the first ACKs cause to be sent.
      assert.ok(taken !== undefined && taken >= 64 && taken <= 64 + 6 * windowBlocks, `${name}: ${taken}`);
      assert.equal(transfer.deadline, undefined);
    }
  }
});

test('a client that repeats itself five times a second floods nothing', () => {
  const idle = new Transfer(PLAIN, 100_000);
  idle.start(instant(0));
  for (let at = 0; at < 50_000; at += 200)
    assert.notEqual(idle.handle({ kind: 'ack', block: 0 }, instant(at))?.kind, 'end');
});

test('with windows, every ACK of a gap may come twice, however often the window must be repeated', () => {
  const transfer = new Transfer(windowed(64), 1_000_000);
  transfer.start(instant(0));
  transfer.handle({ kind: 'ack', block: 0 }, instant(1));
  for (let round = 0; round < 6; round += 1) {
    const now = instant((transfer.deadline ?? 0) + 1);
    assert.equal(brief(transfer.handle({ kind: 'deadline' }, now)), '1-64', `round ${round}`);
    for (let copy = 0; copy < 2 * 63; copy += 1) {
      const action = transfer.handle({ kind: 'ack', block: 0 }, now);
      assert.notEqual(action?.kind, 'end', `round ${round}`);
    }
  }
});

test('a client that acknowledges every copy floods nothing, however many copies a slow link makes', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const link = { ...GOOD_LINK, seed, duplication: 0.2, loss: seed % 2 === 0 ? 0 : 0.02, bytesPerMs: 100 };
    const client: ClientModel = { timeoutMs: 700, staleBlocks: 'any', gaps: 'each' };
    const result = simulateTransfer(80_000, options({ blksize: 512, windowsize: 64 }), link, client);
    assert.equal(result.outcome, 'sent', JSON.stringify({ seed, result }));
  }
});

test('until the end there is always a deadline, whatever the input', () => {
  const seed = 41;
  const random = seededRandom(seed);
  for (let round = 0; round < 300; round += 1) {
    const transfer = new Transfer(windowed(1 + Math.floor(random() * 8)), Math.floor(random() * 20_000));
    let action: TransferAction | undefined = transfer.start(instant(0));
    for (let step = 0; step < 400 && action?.kind !== 'end'; step += 1) {
      assert.notEqual(transfer.deadline, undefined, `seed ${seed} round ${round}`);
      const now = instant(step * Math.floor(random() * 3000));
      const dice = random();
      if (dice < 0.4) action = transfer.handle({ kind: 'ack', block: Math.floor(random() * 50) }, now);
      else if (dice < 0.6) action = transfer.handle({ kind: 'deadline' }, now);
      else if (dice < 0.95) action = transfer.handle({ kind: 'malformed' }, now);
      else action = transfer.handle({ kind: 'request-again' }, now);
      if (action?.kind === 'send-blocks') {
        assert.ok(action.count >= 1 && action.count <= transfer.negotiated.windowBlocks);
        assert.ok(action.offset + action.length <= transfer.sizeBytes && action.length >= 0);
        assert.equal(action.offset, (action.first - 1) * transfer.negotiated.blockBytes);
      }
    }
  }
});

const CLIENTS: readonly ClientModel[] = [
  USUAL_CLIENT,
  { timeoutMs: 700, staleBlocks: 'any', gaps: 'each' },
  { timeoutMs: undefined, staleBlocks: 'last', gaps: 'once' },
  { timeoutMs: 3000, staleBlocks: 'none', gaps: 'each' },
];

test('every file arrives whole over links that lose, duplicate and reorder packets (300 seeds)', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seededRandom(seed);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] ?? assert.fail();
    const blksize = pick([8, 512, 1024, 1428, 1468]);
    const size = blksize * Math.floor(random() * 200) + pick([0, 1, blksize - 1]);
    const link = {
      seed,
      loss: pick([0, 0.01, 0.05]),
      duplication: pick([0, 0.05, 0.2]),
      latencyMs: pick([0.1, 1, 20]),
      jitterMs: pick([0, 0.5, 5]),
      bytesPerMs: pick([1e3, 1e5]),
    };
    const client = pick(CLIENTS);
    const asked = random() < 0.15 ? {} : { blksize, windowsize: pick([1, 2, 4, 16, 64]) };
    const result = simulateTransfer(size, options(asked), link, client);
    const about = JSON.stringify({ seed, size, asked, link, client, result });
    assert.equal(result.receivedBytes, size, about);
    assert.ok(result.clientDone, about);
    // A client that ignores duplicate blocks acknowledges its last block only once: the loss of that ACK is a time-out.
    if (client.staleBlocks !== 'none') assert.equal(result.outcome, 'sent', about);
  }
});

test('block numbers roll over to 0 as often as the file needs', () => {
  for (const [windowsize, blocks] of [
    [1, 66_000],
    [16, 66_001],
    [64, 132_000],
  ] as const) {
    const result = simulateTransfer(blocks * 8, options({ blksize: 8, windowsize }), GOOD_LINK);
    assert.equal(result.outcome, 'sent');
    assert.equal(result.receivedBytes, blocks * 8);
    assert.equal(result.blocksSent, blocks + 1);
  }
  const lossy = simulateTransfer(600_000, options({ blksize: 8, windowsize: 16 }), { ...GOOD_LINK, loss: 0.001 });
  assert.equal(lossy.receivedBytes, 600_000);
});

test('in lock step the server does not multiply packets that the network duplicated (RFC 1123 §4.2.3.1)', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const link = { ...GOOD_LINK, seed, duplication: 0.3 };
    const result = simulateTransfer(512 * 300, options({ blksize: 512 }), link);
    assert.equal(result.blocksSent, result.lastBlock, `seed ${seed}`);
  }
});

test('with windows the server resends little more than the network loses or duplicates', () => {
  const cases: readonly (readonly [number, number, number])[] = [
    // loss, duplication, the most blocks sent for each block of the file
    [0.002, 0, 2.2],
    [0, 0.001, 2.2],
    [0.02, 0, 2.6],
    [0, 0.05, 1.6],
    [0.02, 0.05, 2.6],
  ];
  for (const [loss, duplication, most] of cases) {
    for (const windowsize of [2, 4, 16, 64]) {
      for (const client of CLIENTS) {
        for (let seed = 1; seed <= 3; seed += 1) {
          const link = { ...GOOD_LINK, seed, loss, duplication, bytesPerMs: 1e4 };
          const { blocksSent, lastBlock } = simulateTransfer(
            512 * 1000,
            options({ blksize: 512, windowsize }),
            link,
            client,
          );
          const about = JSON.stringify({ loss, duplication, windowsize, client, seed });
          assert.ok(blocksSent <= lastBlock * most, `${about}: ${(blocksSent / lastBlock).toFixed(2)}`);
        }
      }
    }
  }
});

test('a client that vanishes is sent at most the bounded number of packets', () => {
  const transfer = new Transfer(PLAIN, 5000);
  let action: TransferAction | undefined = transfer.start(instant(0));
  let sendings = 0;
  while (action?.kind === 'send-blocks') {
    sendings += 1;
    action = transfer.handle({ kind: 'deadline' }, transfer.deadline ?? instant(0));
  }
  assert.equal(sendings, SENDINGS_UNANSWERED_MAX);
});

/**
 * Loss, block size, window, and the time for 2 MB over 0.5 ms each way and 100 MB/s, the median of 9 seeds. A change of these figures is a
 * change of behaviour.
 */
const TIMES: readonly string[] = [
  '0 % | 512 | 1 | 3932 ms',
  '0 % | 512 | 4 | 1000 ms',
  '0 % | 512 | 16 | 268 ms',
  '0 % | 512 | 64 | 85 ms',
  '0 % | 1428 | 1 | 1423 ms',
  '0 % | 1428 | 4 | 373 ms',
  '0 % | 1428 | 16 | 110 ms',
  '0 % | 1428 | 64 | 54 ms',
  '0.1 % | 512 | 1 | 5332 ms',
  '0.1 % | 512 | 4 | 1402 ms',
  '0.1 % | 512 | 16 | 270 ms',
  '0.1 % | 512 | 64 | 86 ms',
  '0.1 % | 1428 | 1 | 2223 ms',
  '0.1 % | 1428 | 4 | 573 ms',
  '0.1 % | 1428 | 16 | 111 ms',
  '0.1 % | 1428 | 64 | 54 ms',
  '1 % | 512 | 1 | 18332 ms',
  '1 % | 512 | 4 | 4824 ms',
  '1 % | 512 | 16 | 1494 ms',
  '1 % | 512 | 64 | 406 ms',
  '1 % | 1428 | 1 | 7223 ms',
  '1 % | 1428 | 4 | 1587 ms',
  '1 % | 1428 | 16 | 522 ms',
  '1 % | 1428 | 64 | 261 ms',
];

test('transfer time over loss, block size and window is as tabled', () => {
  const rows: string[] = [];
  for (const loss of [0, 0.001, 0.01]) {
    for (const blksize of [512, 1428]) {
      for (const windowsize of [1, 4, 16, 64]) {
        const times = Array.from(
          { length: 9 },
          (_, index) =>
            simulateTransfer(2_000_000, options({ blksize, windowsize }), { ...GOOD_LINK, seed: index + 1, loss })
              .elapsedMs,
        ).sort((a, b) => a - b);
        rows.push(`${loss * 100} % | ${blksize} | ${windowsize} | ${Math.round(times[4] ?? 0)} ms`);
      }
    }
  }
  assert.deepEqual(rows, TIMES);
});
