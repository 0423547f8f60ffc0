import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStreamReader, LINE_CHARACTERS_MAX, type StreamEvent } from '../../src/uplink/event-stream-reader.ts';

const TEXT =
  ': hello\n\nid: 7\nevent: state\ndata: {"version":7}\n\nevent:state\r\ndata:a\r\ndata: b\r\n\r\nretry: 5\nevent: lost\n\ndata: c\r\r';
const EVENTS: readonly StreamEvent[] = [
  { id: '7', event: 'state', data: '{"version":7}' },
  { event: 'state', data: 'a\nb' },
  { event: 'message', data: 'c' },
];

test('events are read however the stream is split', () => {
  for (let at = 0; at <= TEXT.length; at += 1) {
    const reader = new EventStreamReader();
    const events = [TEXT.slice(0, at), TEXT.slice(at), '\n'].flatMap((piece) => reader.read(piece) ?? assert.fail());
    assert.deepEqual(events, EVENTS, `cut at ${at}`);
  }
  const reader = new EventStreamReader();
  assert.deepEqual(
    [...`${TEXT}\n`].flatMap((piece) => reader.read(piece) ?? []),
    EVENTS,
  );
});

test('an unfinished event is not returned', () => {
  const reader = new EventStreamReader();
  assert.deepEqual(reader.read('event: state\ndata: 1\n'), []);
});

test('a line or an event that is too long ends the stream', () => {
  assert.equal(new EventStreamReader().read('x'.repeat(LINE_CHARACTERS_MAX + 1)), undefined);
  const reader = new EventStreamReader();
  const line = `data: ${'x'.repeat(20_000)}\n`;
  assert.deepEqual(reader.read(line.repeat(3)), []);
  assert.equal(reader.read(line), undefined);
  const empty = new EventStreamReader();
  assert.deepEqual(empty.read('data:\n'.repeat(LINE_CHARACTERS_MAX)), []);
  assert.equal(empty.read('data:\n'), undefined, 'lines without a character fill the memory, too');
});
