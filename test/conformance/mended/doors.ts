// Points about the HTTP doors, the region behind them, text of strangers, and the start.

import {
  ANY_NEW_MACHINE_GIVES_WAY,
  ANY_REPORT_AMENDS,
  ANY_SESSION_ENDS,
  ENDLESS_NEW_PASSWORDS,
  NO_PASSWORD_LIMITS,
  NO_SHARES,
} from '../../hostile/changes.ts';
import { type MendedPoint, named, swapIn, without } from './row.ts';

const passwords = named('region/accounts/passwords.test.ts');
const shares = named('net/shares/connection-shares.test.ts');
const slow = named('http/slow-posts.test.ts');
const crowded = named('http/crowded.test.ts');
const region = named('region/http/crowded.test.ts');
const racks = named('region/racks/racks.test.ts');
const tls = named('e2e/region-tls.test.ts')(
  'API, page and link are served over TLS, and a renewed certificate is loaded without closing a connection',
);
const text = named('clean-text.test.ts');
const output = named('cli/terminal/output.test.ts');
const tftp = named('tftp/hostile.test.ts');
const homes = named('region/racks/home-wire.test.ts');
const start = named('e2e/start-failures.test.ts');

export const DOOR_POINTS: readonly MendedPoint[] = [
  {
    point: 'guesses of passwords have a rate, by every way, and block no user',
    cases: ['api-passwords', 'api-new-passwords'],
    rows: [
      {
        holds: 'Basic authentication at the page is limited before a password is looked at.',
        tests: passwords(
          'beyond its limit an address is refused at GET /MAAS/, even with the right password, and no password is checked',
        ),
        breaks: without(NO_PASSWORD_LIMITS.filter(({ file }) => file !== 'net/shares/fair-shares.ts')),
      },
      {
        holds: 'So is every other route.',
        tests: passwords('on every route, an address beyond its limit has no password checked and is refused'),
        breaks: without(NO_PASSWORD_LIMITS.filter(({ file }) => file !== 'net/shares/fair-shares.ts')),
      },
      {
        holds: 'A flood of guesses of one network leaves places in the queue to others.',
        tests: passwords(
          'a flood of guesses from ten addresses of another network delays a right password but does not block it',
        ),
        breaks: without(NO_PASSWORD_LIMITS),
      },
      {
        holds: 'An account without rights sets few new passwords, whatever its addresses.',
        tests: named('region/accounts/password-limits.test.ts')(
          'an account without rights sets NEW_PASSWORDS_PER_ACCOUNT, then waits; others, administrators and the operator are not affected',
        ),
        breaks: without(ENDLESS_NEW_PASSWORDS.filter(({ file }) => file !== 'fair-shares.ts')),
      },
    ],
  },
  {
    point: 'one user cannot take all machines of the region',
    rows: [
      {
        holds: 'A user without rights adds no more machines that no rack has booted than its share.',
        tests: named('region/identity/ordinary-machines.test.ts')(
          'a place is free again when a rack has booted one of the machines, and when an administrator deletes one',
        ),
        breaks: swapIn('region/identity/enlistment.ts', [
          'if (count >= UNBOOTED_PER_USER_MAX) return refusal',
          'if (count >= 1e9) return refusal',
        ]),
      },
      {
        holds: 'A machine that a rack has booted counts no longer.',
        tests: named('region/identity/ordinary-machines.test.ts')(
          'a place is free again when a rack has booted one of the machines, and when an administrator deletes one',
        ),
        breaks: swapIn('store/operations/new-machines-sql.ts', [
          'INDEXED BY machine_unbooted WHERE added_by = ? AND vouched_mac IS NULL',
          'WHERE added_by = ?',
        ]),
      },
    ],
  },
  {
    point: 'one address cannot take all connections of the API',
    cases: ['api-connections', 'api-slow-posts'],
    rows: [
      {
        holds: 'A newcomer takes the place of a host with more than its share.',
        tests: shares(
          'a newcomer takes the place of a host with too many, whose waiting request gets a response with the reason',
        ),
        breaks: without(NO_SHARES),
      },
      {
        holds: 'A silent connection makes room for any newcomer.',
        tests: shares('a silent connection makes room for any newcomer after a while, and for none before'),
        breaks: swapIn(
          'net/shares/connection-shares.ts',
          ["admission.kind === 'refused' && this.#endSilent()", 'false'],
          [
            'if (!place.idle && now >= later(connection.restingSince, RESTING_MS)) this.#places.touch(place, true);',
            '',
          ],
        ),
      },
    ],
  },
  {
    point: 'a new API key stops no program that uses another',
    rows: [
      {
        holds: 'One more than an account may have is refused, and no other is deleted.',
        tests: named('region/region.test.ts')(
          'an API key is shown once, found by its three parts, and beyond the bound one more is refused and no other is lost',
        ),
        breaks: swapIn('store/operations/region-accounts.ts', [
          "owner.machine) < ?9',",
          "owner.machine) < 1000 * ?9',",
        ]),
      },
      {
        holds: 'The refusal says how to delete which.',
        tests: named('region/api/api.test.ts')(
          'a key beyond the bound of a user is refused with the command that deletes another, and every other key still works',
        ),
        breaks: swapIn('region/accounts/accounts.ts', [
          "unused: unused?.tokenKey ?? 'none'",
          "unused: unused?.username ?? 'none'",
        ]),
      },
    ],
  },
  {
    point: 'TLS handshakes keep no client out',
    cases: ['tls-silent', 'tls-slow-hello', 'tls-noise', 'tls-held'],
    rows: [
      {
        holds: 'No client repeats a handshake, with the first certificate or a renewed one.',
        tests: tls,
        breaks: swapIn('files/certificate.ts', ['  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,\n', '']),
      },
      {
        holds: 'A renewed certificate keeps that so.',
        tests: tls,
        breaks: swapIn('region/http/listening.ts', [
          'server.setSecureContext(secureContextOf(pair));',
          'server.setSecureContext({ cert: pair.cert, key: pair.key });',
        ]),
      },
    ],
  },
  {
    point: 'slow posts keep no machine from enlisting',
    cases: ['boot-slow-posts', 'api-large-bodies', 'boot-slow-headers'],
    rows: [
      {
        holds: 'A post takes a slot of the region only once it has arrived.',
        tests: slow(
          'a report is answered at once while the bodies of 300 posts from five addresses arrive at one octet a second',
        ),
        breaks: without(NO_SHARES),
      },
      {
        holds: 'A large body that comes slowly gives way at an equal share.',
        tests: region(
          'one slow body per place, each from its own address, delays another large body of their network by seconds only',
        ),
        breaks: swapIn('net/shares/body-places.ts', [
          'if (isLate !== place.idle) this.#places.touch(place, isLate);',
          '',
        ]),
        secondsMax: 240,
      },
      {
        holds: 'A body that stands still is refused with 408.',
        tests: shares('a stalled body gets a 408, unless the handler is not reading'),
        breaks: swapIn('net/shares/arriving-body.ts', [
          "return now < later(this.#since, BODY_WINDOW_MS) ? 'arriving' : 'too-slow';",
          "return 'arriving';",
        ]),
      },
    ],
  },
  {
    point: 'machines behind one address all load',
    cases: ['boot-idle', 'boot-slow-readers'],
    rows: [
      {
        holds: 'Two hundred downloads through one address complete while others hold all connections.',
        tests: crowded(
          '200 downloads through one address all complete while 1024 connections ask nothing, from one address',
        ),
        breaks: swapIn(
          'net/shares/connection-shares.ts',
          [
            'this.#places = new FairShares({ max: options.max });',
            'this.#places = new FairShares({ max: options.max, addressMax: 64 });',
          ],
          ['this.#queue = new FairShares({ max: options.waitingMax });', 'this.#queue = new FairShares({ max: 1 });'],
        ),
        secondsMax: 120,
      },
      {
        holds: 'A client without a place gets 503 with the time to retry.',
        tests: shares(
          'a connection that waits too long gets a 503 with Retry-After, and so does one that finds no room to wait',
        ),
        breaks: swapIn('net/shares/partings.ts', [
          '503 Service Unavailable\\r\\nRetry-After: 5\\r\\n',
          '503 Service Unavailable\\r\\n',
        ]),
      },
      {
        holds: 'So is a client that has not asked yet.',
        tests: shares('a connection that has not asked yet gets the reason when it gives way'),
        breaks: swapIn('net/shares/connection-shares.ts', [
          "else if ('setSecureContext' in server) socket.destroy();",
          "else if ('setSecureContext' in server || response === undefined) socket.destroy();",
        ]),
      },
    ],
  },
  {
    point: 'a few hosts cannot exhaust shared resources: the region',
    cases: ['api-followers', 'enlist-flood', 'boot-as-new', 'rack-flood', 'amend-others', 'api-sessions'],
    rows: [
      {
        holds: 'A user with all streams of events loses one to each newcomer.',
        tests: named('region/http/event-followers.test.ts')(
          'one user has all streams, and another one wants one: the oldest gives way, and each newcomer up to an even share',
        ),
        breaks: without(NO_SHARES),
      },
      {
        holds: 'Of New machines that no rack booted, one of the host with the most gives way.',
        tests: named('region/identity/claims.test.ts')(
          'a host that fills New loses places to others one by one, and the log names both machines',
        ),
        breaks: without(ANY_NEW_MACHINE_GIVES_WAY),
      },
      {
        holds: 'Registrations from a few hosts keep no rack elsewhere from waiting.',
        tests: racks(
          'registrations from a few hosts do not keep out a rack elsewhere, and the log names the replaced one',
        ),
        breaks: without(NO_SHARES),
      },
      {
        holds: 'Only the address that reported a New machine amends it before a boot.',
        tests: named('region/identity/claims.test.ts')(
          'a New machine that no rack booted is amended only by the address that reported it, until a boot proves its identity',
        ),
        breaks: without(ANY_REPORT_AMENDS),
      },
      {
        holds: 'A new session ends one of the user with the most.',
        tests: named('region/page/routes.test.ts')('a user who signs in endlessly signs no other user out'),
        breaks: without(ANY_SESSION_ENDS),
      },
    ],
  },
  {
    point: 'no outside text acts on a terminal, in the log, in a command or on a page',
    rows: [
      {
        holds: 'The cleaner escapes C0: an escape sequence.',
        tests: text('a terminal escape sequence'),
        breaks: swapIn('clean-text.ts', ['const UNSAFE = /[\\p{Cc}', 'const UNSAFE = /[\\u007f-\\u009f']),
      },
      {
        holds: 'The cleaner escapes C1: a control sequence introducer in one byte.',
        tests: text('DEL and C1: a CSI in one character'),
        breaks: swapIn('clean-text.ts', ['const UNSAFE = /[\\p{Cc}', 'const UNSAFE = /[\\u0000-\\u001f']),
      },
      {
        holds: 'So does the cleaner of text in lines.',
        tests: text('cleanLines keeps line ends and tabs, and no other control character'),
        breaks: swapIn('clean-text.ts', ['\\u000b-\\u001f\\u007f-\\u009f\\p{Cf}', '\\u000b-\\u001f\\u007f\\p{Cf}']),
      },
      {
        holds: 'So does that of JSON, which escapes no C1 itself.',
        tests: text('DEL and C1: a CSI in one character'),
        breaks: swapIn('clean-text.ts', ['UNSAFE_IN_JSON = /[\\u007f-\\u009f', 'UNSAFE_IN_JSON = /[\\u007f']),
      },
      {
        holds: 'No other file decides what is safe.',
        tests: named('tidy.test.ts')('only clean-text.ts decides which characters may be shown'),
        breaks: swapIn('http/events.ts', [
          'cleanText(path, FILE_CHARACTERS_MAX);',
          "path.slice(0, FILE_CHARACTERS_MAX).replace(/[\\u0000-\\u001f]/g, '?');",
        ]),
      },
      {
        holds: 'The file that another DHCP server offers, which `status` shows, is cleaned where it is read.',
        tests: named('dhcp/foreign/foreign-probe.test.ts')(
          'of the boot file in an offer, a terminal sequence in the header is kept as escapes',
        ),
        breaks: swapIn('dhcp/foreign/foreign-probe.ts', [
          'cleanText(optionText(options, OPTION.bootFileName) ?? message.file, FILE_CHARACTERS_MAX);',
          '(optionText(options, OPTION.bootFileName) ?? message.file).slice(0, FILE_CHARACTERS_MAX);',
        ]),
      },
      {
        holds: 'Its C1 bytes, too.',
        tests: named('dhcp/foreign/foreign-probe.test.ts')(
          'of the boot file in an offer, C1 and a soft hyphen, an octet each, are kept as escapes',
        ),
        breaks: swapIn('dhcp/foreign/foreign-probe.ts', [
          'const file = cleanText(',
          "const file = ((said: string, most: number) => said.slice(0, most).replaceAll('\\x1b', '\\\\x1b'))(",
        ]),
      },
      {
        holds: 'The output of a command is cleaned again.',
        tests: output('print'),
        breaks: swapIn('cli/terminal/output.ts', ['  const clean = shown(text);\n', '  const clean = text;\n']),
      },
      {
        holds: 'Every command prints by that file.',
        tests: text('every command, and each of its prompts, writes through output.ts, which cleans'),
        breaks: swapIn('cli/rack/trace.ts', ["import { z } from 'zod';", "import { z } from 'zod';\nconsole.log('');"]),
      },
      {
        holds: 'A line of the log is cleaned on a terminal.',
        tests: named('observe/log.test.ts')(
          'an event is one line on a terminal, with its name, and escapes in place of control characters',
        ),
        breaks: swapIn('observe/log.ts', ['msg: cleanLines(`', 'msg: String(`']),
      },
      {
        holds: 'A line of the log is cleaned in a file.',
        tests: named('observe/log.test.ts')('a line in a file has no C1 character, and means what it meant'),
        breaks: swapIn('observe/log.ts', ['openTerminalFormat() : cleanJson;', 'openTerminalFormat() : String;']),
      },
      {
        holds: 'The fields of an event are cleaned before they are logged.',
        tests: named('observe/event-text.test.ts')(
          'text of strangers in the fields of a log line has escapes in place of control characters',
        ),
        breaks: swapIn('observe/event-text.ts', [': cleanText(value, EVENT_CHARACTERS_MAX);', ': value;']),
      },
      {
        holds: 'The name of a file that a loader asks for is cleaned where it is read.',
        tests: tftp('is cleaned in events: the requested file name'),
        breaks: swapIn('tftp/session.ts', ['cleanText(request.file, FILE_CHARACTERS_MAX);', 'request.file;']),
      },
      {
        holds: 'The words of a loader’s error are, too.',
        tests: tftp('is cleaned in events: its error message'),
        breaks: swapIn('tftp/transfers.ts', ['reason: cleanText(outcome.message)', 'reason: outcome.message']),
      },
      {
        holds: 'So is the path of a request by HTTP.',
        tests: named('http/server.test.ts')('every event of a request has its path, cleaned and shortened'),
        breaks: swapIn('http/events.ts', ['cleanText(path, FILE_CHARACTERS_MAX);', 'path;']),
      },
      {
        holds: 'A page shows no control character of text.',
        tests: named('html.test.ts')('control characters can neither end the markup around it nor act'),
        breaks: swapIn('html.ts', ['return escaped(cleanLines(part));', 'return escaped(part);']),
      },
      {
        holds: 'Text of an event that the region stores is cleaned.',
        tests: named('store/operations/stored-event.test.ts')('texts are cleaned, at every depth'),
        breaks: swapIn('store/operations/stored-event.ts', [
          'isPlain(value, max) ? value : cleanWords(value, max);',
          'value;',
        ]),
      },
    ],
  },
  {
    point: 'a hardware address seen in another network neither ends the work of its machine nor changes how it boots',
    cases: ['steal-boot'],
    rows: [
      {
        holds: 'Boots there are not counted, and extend no time limit.',
        tests: homes(
          'boots under its hardware address in another network neither fail the work of a machine nor extend its time',
          'no kind of report from another network changes a machine at work, or counts as its own in its log',
        ),
        breaks: swapIn('region/racks/machine-homes.ts', [' && !isBootEvent(eventTypeOf(report.kind))', '']),
      },
      {
        holds: 'In its log they do not count as a start of the machine.',
        tests: homes('boots in another network are neither a start of its disk nor a sign that its system is up'),
        breaks: swapIn('region/records/report-fields.ts', ['if (isFromAway(event)) return {};', '']),
      },
      {
        holds: 'Loads there put it into no loop of loaders.',
        tests: named('boot/loader-loops.test.ts')(
          'loads under its hardware address in another network put no machine into a loop, and end none',
        ),
        breaks: swapIn('boot/loader-loops.ts', ['[mac, sharedNetwork]', '[mac]']),
      },
    ],
  },
  {
    point: 'a start on a read-only state directory says what to do',
    rows: [
      {
        holds: 'It names the mount, even next to a left-over socket.',
        tests: start('is read-only, and a rack that was killed has left its socket'),
        breaks: swapIn('store/database-file.ts', ["if (code === 'EROFS') return", "if (code === 'EROFS-') return"]),
        secondsMax: 120,
      },
      {
        holds: 'So does the control socket, and never the length of its path.',
        tests: named('files/socket-refusal.test.ts')('EROFS at the control socket gets the remedy of its cause'),
        breaks: swapIn('files/socket-refusal.ts', ["  ['EROFS', ", "  ['EROFS-', "]),
      },
    ],
  },
];
