import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  hostLabel,
  isNameWithin,
  NameCompression,
  parentName,
  parseName,
  readName,
  textToWire,
  wireToText,
} from '../../src/dns/name.ts';
import { ByteReader } from '../../src/net/byte-reader.ts';
import { ByteWriter } from '../../src/net/byte-writer.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('names on the wire', () => {
  const cases: readonly [string, string, string, number][] = [
    ['the root is the empty string', '00', '', 1],
    ['labels are joined by dots', '05 6e6f646531 04 6d616173 00', 'node1.maas', 12],
    ['upper case becomes lower case (RFC 4343 §2)', '01 41 03 4d614100', 'a.maa', 7],
    ['a dot inside a label is escaped (RFC 4343 §2.1)', '03 612e62 01 63 00', 'a\\.b.c', 7],
    ['a backslash inside a label is escaped', '03 615c62 00', 'a\\\\b', 5],
    ['an octet outside printable ASCII is written as three digits', '03 6100ff 00', 'a\\000\\255', 5],
    ['a space is written as three digits', '03 612062 00', 'a\\032b', 5],
  ];
  for (const [name, wire, text, octets] of cases) {
    it(name, () => {
      const bytes = hex(wire);
      const reader = new ByteReader(bytes);
      assert.equal(readName(reader, 'name'), text);
      assert.equal(reader.fault, undefined);
      assert.equal(reader.offset, octets);
      assert.equal(wireToText(textToWire(text) ?? new Uint8Array(), octets), text);
    });
    it(`${name}: cut at any octet it is truncated`, () => {
      const bytes = hex(wire);
      for (let cut = 0; cut < bytes.length; cut += 1) {
        const reader = new ByteReader(bytes.subarray(0, cut));
        assert.equal(readName(reader, 'name'), '');
        assert.equal(reader.fault?.code, 'truncated', `cut at ${cut}`);
      }
    });
  }

  const faults: readonly [string, string, number, string][] = [
    ['RFC 1035 §4.1.4: a pointer to itself is a loop', 'c000', 0, 'loop'],
    ['RFC 1035 §4.1.4: a pointer forward is refused', 'c002 00', 0, 'loop'],
    ['two pointers to each other are a loop', 'c002 c000', 2, 'loop'],
    ['a pointer into the name that holds it is a loop', '01 61 c000', 0, 'loop'],
    ['RFC 1035 §4.1.4: the label types 01 and 10 are reserved', '40 61 00', 0, 'bad-value'],
    ['the target of a pointer ends before the name that contains the pointer', '03 616263 c000', 4, 'truncated'],
  ];
  for (const [name, wire, offset, code] of faults) {
    it(name, () => {
      const reader = new ByteReader(hex(wire), offset);
      assert.equal(readName(reader, 'name'), '');
      assert.equal(reader.fault?.code, code);
    });
  }

  it('a pointer leads to an earlier name, and reading continues after the pointer', () => {
    const reader = new ByteReader(hex('04 6d616173 00 05 6e6f646531 c000 ff'), 6);
    assert.equal(readName(reader, 'name'), 'node1.maas');
    assert.equal(reader.offset, 14);
  });

  it('RFC 1035 §2.3.4: 255 octets are a name, 256 are not', () => {
    const label = `3f${'61'.repeat(63)}`;
    const longest = hex(`${label.repeat(3)}3d${'61'.repeat(61)}00`);
    assert.equal(longest.length, 255);
    const reader = new ByteReader(longest);
    const text = readName(reader, 'name');
    assert.equal(text.length, 253);
    assert.deepEqual(textToWire(text), new Uint8Array(longest));
    const longer = new ByteReader(hex(`${label.repeat(3)}3e${'61'.repeat(62)}00`));
    readName(longer, 'name');
    assert.equal(longer.fault?.code, 'too-long');
    assert.equal(textToWire(`${text}a`), undefined);
  });

  it('a chain of pointers cannot make a name longer than 255 octets', () => {
    // Each name is one more label and a pointer to the one before.
    const parts = ['0161', '00'];
    let at = 0;
    for (let index = 0; index < 200; index += 1) {
      parts.push(`0161${(0xc000 | at).toString(16)}`);
      at = index === 0 ? 3 : at + 4;
    }
    const bytes = hex(parts.join(''));
    const reader = new ByteReader(bytes, bytes.length - 4);
    readName(reader, 'name');
    assert.equal(reader.fault?.code, 'too-long');
  });
});

describe('names as text', () => {
  const cases: readonly [string, string, string | undefined][] = [
    ['the final dot is dropped', 'node1.maas.', 'node1.maas'],
    ['upper case becomes lower case', 'Node1.MAAS', 'node1.maas'],
    ['the root may be a dot', '.', ''],
    ['a label may begin with an underscore', '_sip._udp.maas', '_sip._udp.maas'],
    ['an unnecessary escape is dropped', 'a\\bc.maas', 'abc.maas'],
    ['three digits stand for an octet', 'a\\098c.maas', 'abc.maas'],
    ['an escaped final dot belongs to the label', 'a\\.', 'a\\.'],
    ['an empty label is refused', 'a..b', undefined],
    ['a leading dot is refused', '.a', undefined],
    ['an octet above 255 is refused', 'a\\256', undefined],
    ['a backslash at the end is refused', 'a\\', undefined],
    ['a space is refused', 'a b', undefined],
    ['letters outside ASCII are refused: they must be written as xn--', 'bücher.maas', undefined],
    ['a label of 63 octets is accepted', `${'a'.repeat(63)}.b`, `${'a'.repeat(63)}.b`],
    ['a label of 64 octets is refused', `${'a'.repeat(64)}.b`, undefined],
  ];
  for (const [name, written, expected] of cases) {
    it(name, () => assert.equal(parseName(written), expected));
  }

  it('a name is within its ancestors, but not within a name that is only a suffix of its text', () => {
    assert.ok(isNameWithin('a.b.maas', 'maas'));
    assert.ok(isNameWithin('maas', 'maas'));
    assert.ok(isNameWithin('maas', ''));
    assert.ok(!isNameWithin('amaas', 'maas'));
    assert.ok(!isNameWithin('a\\.maas', 'maas'));
    assert.ok(isNameWithin('a\\\\.maas', 'maas'));
  });

  it('the parent is the text after the first label, whose escaped dots do not count', () => {
    assert.equal(parentName('a\\.b.c'), 'c');
    assert.equal(parentName('c'), '');
    assert.equal(parentName(''), undefined);
  });
});

describe('a client’s hostname', () => {
  const cases: readonly [string, string, string | undefined][] = [
    ['a plain name is accepted', 'node1', 'node1'],
    ['a full name is cut to its first label', 'node1.example.com', 'node1'],
    ['upper case becomes lower case', 'NODE1', 'node1'],
    ['other characters become hyphens', 'my_host name', 'my-host-name'],
    ['hyphens at either end are dropped', '--a--', 'a'],
    ['shell characters do not survive', '$(reboot)', 'reboot'],
    ['63 octets are kept, without a hyphen at the cut', `${'a'.repeat(62)}-bc`, 'a'.repeat(62)],
    ['a name with no usable character gives no name', '***', undefined],
    ['an empty name gives no name', '', undefined],
    ['a generated name is refused', '10-20-0-100', undefined],
    ['localhost is refused (RFC 6761 §6.3)', 'localhost', undefined],
    ['the name for web proxy discovery is refused', 'WPAD', undefined],
  ];
  for (const [name, written, expected] of cases) it(name, () => assert.equal(hostLabel(written), expected));
});

describe('properties of names', () => {
  const name = fc
    .array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 8 })
    .map((labels) =>
      Buffer.concat([...labels.flatMap((label) => [Uint8Array.of(label.length), label]), Uint8Array.of(0)]),
    );

  it('any wire name survives a round trip through text, except for case', () => {
    fc.assert(
      fc.property(name, (wire) => {
        const text = readName(new ByteReader(wire), 'name');
        const again = textToWire(text);
        assert.ok(again !== undefined);
        assert.equal(wireToText(again, again.length), text);
        assert.equal(Buffer.from(again).toString('latin1').toLowerCase(), wire.toString('latin1').toLowerCase());
      }),
    );
  });

  it('names written with compression are read back, whatever is between them', () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 6 }), (wires) => {
        const texts = wires.map((wire) => readName(new ByteReader(wire), 'name'));
        const writer = new ByteWriter(4096);
        const compression = new NameCompression();
        for (const text of texts) {
          compression.write(writer, text);
          writer.u16(0xffff);
        }
        const reader = new ByteReader(writer.finish());
        for (const text of texts) {
          assert.equal(readName(reader, 'name'), text);
          reader.skip(2, 'gap');
        }
        assert.equal(reader.fault, undefined);
        assert.equal(reader.remaining, 0);
      }),
    );
  });

  it('reading random octets as a name never throws and never runs past the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(299), (bytes, start) => {
        const reader = new ByteReader(bytes, Math.min(start, bytes.length));
        readName(reader, 'name');
        assert.ok(reader.offset <= bytes.length);
      }),
      { numRuns: 1000 },
    );
  });
});
