// Why a listener refuses a request: for its rate, body or path. Also the refusals of requests that only machines or racks make.

import type { Outage } from '../../records/store-outage.ts';
import type { JsonFault } from '../../records/text-json.ts';
import { jsonFaultText } from './json.ts';
import { noteText } from './notes.ts';
import { mistakeAtText } from './preseed.ts';
import type { RefusalTable } from './table.ts';

/** The requests allowed at once, and then each second. */
type Rate = { readonly burst: number; readonly perSecond: number };

const strangersText = (from: string, { burst, perSecond }: Rate): string =>
  `Too many requests without credentials from ${from}: ${burst} at once, then ${perSecond} a second are allowed. Wait a little.`;

const mirrorsText = (from: string, { burst, perSecond }: Rate): string =>
  `Too many requests for images from ${from}: ${burst} at once, then ${perSecond} a second are allowed. Wait a little.`;

/** By code. */
export const HTTP = {
  'rate-limit.strangers': (rate: Rate) => strangersText('your address', rate),
  'rate-limit-network.strangers': (rate: Rate) => strangersText('your network', rate),
  'rate-limit-all': (rate: Rate) => strangersText('all addresses', rate),
  'rate-limit.mirrors': (rate: Rate) => mirrorsText('your address', rate),
  'rate-limit-network.mirrors': (rate: Rate) => mirrorsText('your network', rate),
  'rate-limit-all.mirrors': (rate: Rate) => mirrorsText('all addresses', rate),
  'not-authenticated.invalid-key':
    'Authorization Error: the API key is not valid; sudo rackboot apikey prints a new one.',
  'unknown-version': 'Unknown API version. This region speaks 1.0 and 2.0.',
  'not-found.path': 'Nothing is here.',
  'not-found.resource': ({ resource }: { readonly resource: string }) =>
    `${resource} is a resource of MAAS that Rackboot does not have.`,
  'store-unavailable': ({ outage }: { readonly outage: Outage }) => noteText(outage),
  'internal-error.request': ({ id }: { readonly id: string }) =>
    `The request failed inside the region; its log has details under ${id}.`,
  'followers-limit':
    'Too many clients follow the event log, and you have used your share: close one of yours, or read the log with op=query.',
  'images-unreadable': ({ said }: { readonly said: string }) => `The images of this host cannot be listed: ${said}.`,
  'downloads-limit': 'Too many images are being downloaded from this region: try again later.',
  'lists-limit':
    'Too many long lists are being sent, and you have used your share: read one of yours to its end first.',
  'lists-limit.searches':
    'Too many searches for machines are under way, and you have used your share: wait until one of yours has ended.',

  'bodies-limit': 'Too many large bodies are arriving: try again in a moment.',
  'body-too-large': 'The body is longer than this region accepts.',
  'unknown-body': 'send parameters as application/x-www-form-urlencoded, multipart/form-data or application/json',
  'unknown-body.encoding': 'The body has a Content-Encoding: send it without one, as no compressed body is read.',
  'bad-request': 'Bad request.',
  'bad-request.host': ({ hosts }: { readonly hosts: number }) =>
    hosts === 0 ? 'The request has no Host field.' : 'The request has several Host fields.',
  /** The HTTP server's own words about a request. */
  'bad-request.http': ({ problem }: { readonly problem: string }) => problem,
  /** The HTTP server's words, too: it refuses such a value in the paths that it knows itself. */
  'bad-request.path-value': ({ path }: { readonly path: string }) => `'${path}' is exceeding the max param length`,
  'bad-request.parameters': ({ max }: { readonly max: number }) => `more than ${max} parameters`,
  'bad-request.json': ({ fault }: { readonly fault: JsonFault }) => `the body ${jsonFaultText(fault)}`,
  'bad-request.report-json': ({ fault }: { readonly fault: JsonFault }) => `The body ${jsonFaultText(fault)}.`,
  'bad-request.json-object': 'a JSON body must be an object of parameters',
  'bad-request.form': ({ max }: { readonly max: number }) => `the parameters of the form have more than ${max} bytes`,
  'bad-request.boundary': 'multipart/form-data without a usable boundary',
  'bad-request.unended': 'multipart/form-data that does not end with its boundary',
  'bad-request.part-content': ({ field }: { readonly field: string }) =>
    `the part ${field} is not Base64, although its Content-Transfer-Encoding says so`,
  'bad-request.transfer-encoding': ({ field, encoding }: { readonly field: string; readonly encoding: string }) =>
    `the part ${field} has the Content-Transfer-Encoding ${encoding}: send base64, 8bit or none`,
  'bad-request.nul':
    'A text in this request contains the character NUL or half of a surrogate pair, which is not allowed.',
  'bad-request.report': 'A report must have event_type (start, progress, finish), name and description.',
  /** The fault that the schema of racks' messages found, as a sentence. */
  'bad-request.rack': ({ problem }: { readonly problem: string }) => problem,
  'field.interfaces-json': ({ fault }: { readonly fault: JsonFault }) => jsonFaultText(fault),
  'field.json': ({ fault }: { readonly fault: JsonFault }) =>
    `${jsonFaultText(fault)}: give JSON, such as "text", 5 or ["a", "b"].`,

  'not-authenticated.rack': 'No rack has this UUID and key: register first.',
  'rack-rejected.link': 'an administrator rejected this rack',
  'rate-limit.batch': 'Another batch of this rack is being stored: send this one when that one has been answered.',
  'rate-limit.wrong-key': 'Too many requests with a wrong key: wait a little.',
  'not-found.post': ({ path }: { readonly path: string }) => `the API accepts no POST at ${path}`,

  'not-this-boot':
    'Only a machine at work may do this, with the token of its boot and from its address: start the machine again, unless its work was ended on purpose.',
  'rate-limit.machine': 'This machine sends too many requests: wait a little.',
  'not-found.user-data': 'This machine has no user data.',
  'not-found.storage-plan': 'This machine has no storage plan: its image lays out the disk.',
  'not-found.network-tool': 'Give netplan, networkd or ifupdown, and fixed or leased addresses.',
  'not-found.script-to-run':
    'This machine has no such script to run: the script was removed, or belongs to another run.',
  'not-found.agent': 'The enlistment agent is not part of this installation.',

  'not-authenticated.machine': 'Authenticate with the key of the machine.',
  'not-allowed.machine-key': 'Only a machine with its own key may do this; its installer received the key.',
  'method-not-allowed.get': 'Use GET.',
  'unknown-operation.metadata': ({ known }: { readonly known: readonly string[] }) =>
    `Known here: ${known.join(', ')}.`,
  'field.signal-status': ({ known }: { readonly known: readonly string[] }) => `Give one of ${known.join(', ')}.`,
  'preseed-faulty.template': mistakeAtText,
  'field.purpose': ({ known }: { readonly known: readonly string[] }) => `is not one of ${known.join(', ')}`,
  'field.rack-url': 'is not the URL of a rack',
  'field.values-limit': ({ max }: { readonly max: number }) => `Give at most ${max} values.`,
  'field.value-form': 'Give name=value.',
} as const satisfies RefusalTable;
