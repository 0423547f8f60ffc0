import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatRdata, parseRdata, RECORD_TYPE_NUMBERS, type RecordTypeName } from '../../src/dns/record-text.ts';

describe('record data as text', () => {
  const cases: readonly [string, RecordTypeName, string, string | undefined][] = [
    ['an address', 'A', '10.20.0.1', '10.20.0.1'],
    ['an address with a leading zero is refused', 'A', '10.20.0.01', undefined],
    ['a name gets its final dot', 'CNAME', 'gateway.maas', 'gateway.maas.'],
    ['a name may already have its final dot', 'NS', 'Gateway.MAAS.', 'gateway.maas.'],
    ['a name with a space is refused', 'PTR', 'a b', undefined],
    ['preference and exchange', 'MX', '10 mail.maas', '10 mail.maas.'],
    ['a preference above 65535 is refused', 'MX', '65536 mail.maas', undefined],
    ['an exchange without preference is refused', 'MX', 'mail.maas', undefined],
    ['priority, weight, port, target', 'SRV', '0 5  5060 sip.maas.', '0 5 5060 sip.maas.'],
    ['a root target means the service is not offered (RFC 2782)', 'SRV', '0 0 0 .', '0 0 0 .'],
    ['unquoted text is one string, spaces included', 'TXT', 'v=spf1 -all', '"v=spf1 -all"'],
    ['quoted strings stay apart', 'TXT', '"one" "two"', '"one" "two"'],
    ['escapes within quotes', 'TXT', '"a\\"b\\\\c\\009"', '"a\\"b\\\\c\\009"'],
    ['text that is not ASCII is UTF-8', 'TXT', 'ü', '"\\195\\188"'],
    ['a quote that is not closed is refused', 'TXT', '"abc', undefined],
    ['an octet above 255 is refused', 'TXT', '"\\256"', undefined],
    ['IPv6, shortened', 'AAAA', '2001:db8::1', '2001:db8:0:0:0:0:0:1'],
    ['IPv6 with an embedded IPv4 address', 'AAAA', '::ffff:10.0.0.1', '0:0:0:0:0:ffff:a00:1'],
    ['IPv6, all zeros', 'AAAA', '::', '0:0:0:0:0:0:0:0'],
    ['IPv6 with two gaps is refused', 'AAAA', '1::2::3', undefined],
    ['IPv6 with nine groups is refused', 'AAAA', '1:2:3:4:5:6:7:8:9', undefined],
    ['IPv6 with an empty gap is refused', 'AAAA', '1:2:3:4::5:6:7:8', undefined],
    ['IPv6 with five digits is refused', 'AAAA', '::12345', undefined],
  ];
  for (const [name, type, data, expected] of cases) {
    it(`${type}: ${name}`, () => {
      const rdata = parseRdata(type, data);
      assert.equal(rdata === undefined ? undefined : formatRdata(RECORD_TYPE_NUMBERS[type], rdata), expected);
    });
  }

  it('text longer than 255 octets is split into strings', () => {
    const rdata = parseRdata('TXT', 'x'.repeat(300));
    assert.equal(rdata?.length, 302);
    assert.equal(rdata?.[0], 255);
    assert.equal(rdata?.[256], 45);
  });

  it('data of an unknown type, or that does not fit its type, is written as octets (RFC 3597 §5)', () => {
    assert.equal(formatRdata(65280, Uint8Array.of(1, 255)), '\\# 2 01ff');
    assert.equal(formatRdata(RECORD_TYPE_NUMBERS.A, Uint8Array.of(1)), '\\# 1 01');
    assert.equal(formatRdata(RECORD_TYPE_NUMBERS.MX, new Uint8Array(0)), '\\# 0');
  });

  it('strings of random octets survive a round trip', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 4 }), (strings) => {
        const rdata = Buffer.concat(strings.flatMap((string) => [Uint8Array.of(string.length), string]));
        const again = parseRdata('TXT', formatRdata(RECORD_TYPE_NUMBERS.TXT, rdata));
        assert.deepEqual(again === undefined ? undefined : Buffer.from(again), rdata);
      }),
    );
  });

  it('parsing random text never throws', () => {
    const types: readonly RecordTypeName[] = ['A', 'AAAA', 'NS', 'CNAME', 'PTR', 'MX', 'SRV', 'TXT'];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.string({ maxLength: 80 }), (type, text) => void parseRdata(type, text)),
      {
        numRuns: 1000,
      },
    );
  });
});
