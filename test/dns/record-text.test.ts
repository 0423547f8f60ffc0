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
    ['algorithm, type, fingerprint', 'SSHFP', `4 2 ${'9F'.repeat(32)}`, `4 2 ${'9f'.repeat(32)}`],
    ['digits in groups, as in zone files', 'SSHFP', `1 1  ${'0A1B '.repeat(10)}`, `1 1 ${'0a1b'.repeat(10)}`],
    ['a type without a length (RFC 4255 §3.1.2)', 'SSHFP', '6 3 abcd', '6 3 abcd'],
    ['a SHA-1 of 19 octets is refused', 'SSHFP', `1 1 ${'ab'.repeat(19)}`, undefined],
    ['a SHA-256 of 20 octets is refused', 'SSHFP', `1 2 ${'ab'.repeat(20)}`, undefined],
    ['half an octet is refused', 'SSHFP', '6 3 abc', undefined],
    ['a fingerprint that is not hexadecimal is refused', 'SSHFP', '6 3 xyz0', undefined],
    ['an algorithm above 255 is refused', 'SSHFP', '256 3 ab', undefined],
    ['a record without a fingerprint is refused', 'SSHFP', '4 2', undefined],
    ['flags, tag, value', 'CAA', '0 issue "ca.example.net"', '0 issue "ca.example.net"'],
    ['a value without quotes', 'CAA', '128 iodef  mailto:a@example.net', '128 iodef "mailto:a@example.net"'],
    ['nobody may issue (RFC 8659 §4.2)', 'CAA', '0 issue ";"', '0 issue ";"'],
    ['parameters and escapes in quotes', 'CAA', '0 issue "ca.net; a=\\"1\\""', '0 issue "ca.net; a=\\"1\\""'],
    ['an empty value', 'CAA', '0 issuewild ""', '0 issuewild ""'],
    ['flags above 255 are refused', 'CAA', '256 issue "a"', undefined],
    ['a tag of other characters is refused', 'CAA', '0 is-sue "a"', undefined],
    ['two values are refused', 'CAA', '0 issue "a" "b"', undefined],
    ['a value with spaces and without quotes is refused', 'CAA', '0 issue a b', undefined],
    ['a quote that is not closed is refused', 'CAA', '0 issue "a', undefined],
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
    assert.equal(formatRdata(RECORD_TYPE_NUMBERS.SSHFP, Uint8Array.of(1, 1, 2)), '\\# 3 010102');
    assert.equal(formatRdata(RECORD_TYPE_NUMBERS.CAA, Uint8Array.of(0, 1, 0x2d, 0x61)), '\\# 4 00012d61');
    assert.equal(formatRdata(RECORD_TYPE_NUMBERS.CAA, Uint8Array.of(0, 9, 0x61)), '\\# 3 000961');
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
    const types: readonly RecordTypeName[] = ['A', 'AAAA', 'NS', 'CNAME', 'PTR', 'MX', 'SRV', 'TXT', 'SSHFP', 'CAA'];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.string({ maxLength: 80 }), (type, text) => void parseRdata(type, text)),
      {
        numRuns: 1000,
      },
    );
  });
});
