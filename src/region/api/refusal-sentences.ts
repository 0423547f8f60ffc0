// Every name under which the API refuses, in a sentence with the remedy: for the document of all reasons. The answer itself names the
// value that was refused.

import type { RefusalName } from './answer.ts';

/** By name. */
export const REFUSAL_SENTENCES: Readonly<Record<RefusalName, string>> = {
  'invalid-parameters': 'A parameter is missing or of the wrong form; the answer names each with what is expected.',
  'unknown-operation': 'The path has no such `op`; the answer lists those it has.',
  'setting-invalid': 'The value does not fit its key; the answer says what does.',
  'setting-unknown': 'There is no setting of that name.',
  'settings-limit': 'The store holds as many settings as it may; remove some.',
  'bad-request': 'The request itself is malformed.',
  'not-authenticated': 'The API key is not valid, or there is none; `rackboot apikey` prints a new one.',
  'not-allowed': 'The caller is known and may not do this; an administrator may.',
  'not-owner': 'The machine is held by somebody else; its owner and administrators may do this.',
  'not-this-boot': "The caller has not the token of a machine's present boot, or is not at its address.",
  'not-from-here': 'Machines enlist from the managed networks only; the caller is in none of them.',
  'sign-in-by-rack': "Nobody signs in through a rack elsewhere; open the region's own address.",
  'rack-pending': 'The rack waits to be accepted: `rackboot racks accept NAME`.',
  'rack-rejected': 'An administrator has rejected the rack; remove it to let it register again.',
  'rack-key': 'The key belongs to another rack, or the rack registered with another key.',
  'rack-embedded': "The rack of the region's own process is neither rejected nor removed.",
  'bodies-limit':
    'As many large bodies are arriving as may at a time, and none was done within 20 s; ask again in a few seconds.',
  'new-machines-limit':
    'As many machines are New as region.new_machines_max lets be, and none gives way to one that no rack booted; accept or delete some.',
  'machines-limit': 'The region holds as many machines as it may; delete some.',
  'not-found': 'There is nothing of that name.',
  'method-not-allowed': 'The path does not know the method; the answer lists those it knows.',
  'transition-not-allowed': 'The life cycle has no such step from the state the machine is in.',
  'machine-in-use': 'The machine is at work or has an owner; release it first.',
  'machine-locked': 'The machine is locked; `rackboot machines unlock` takes the lock off.',
  'owner-data-limit': 'The machine has as many owner data as it may; remove some by empty values.',
  'nothing-matches': 'No machine that is Ready meets the conditions; accept or release one, or ask for less.',
  'no-ssh-key': 'The owner has no SSH key, so nobody could log in; `rackboot sshkeys add` adds one.',
  'image-missing':
    'There is no image of that system for the architecture of the machine; `rackboot images make-debian` makes one, `rackboot images add` takes one.',
  'power-by-hand':
    'The machine is not switched by Rackboot: it has no power driver, or nobody has accepted its own words.',
  'address-refused': 'The address that was asked for cannot be given; the answer says why.',
  'addresses-exhausted': 'All addresses of the static range are given; release a machine, or widen the range.',
  'preseed-faulty': 'A template of a preseed is wrong; the answer names file, line and what would be right.',
  'setting-read-only': 'The value is pinned in a configuration file; the answer names file and key.',
  'rack-version': 'Rack and region speak different versions of their link; update the older one.',
  'rack-length':
    'A rack that nobody accepted tells more of its interfaces than is read; update it, or let it register with an administrator’s key.',
  'rack-name': 'Another accepted rack has the name; rename one of them.',
  'rack-network': 'The rack does not report the network that it is to share, or has none; look at its networks.',
  'unknown-version': 'The API is spoken in versions 1.0 and 2.0 only.',
  'body-too-large': 'The body is longer than the region takes.',
  'unknown-body': 'The body is neither a form nor JSON.',
  'rate-limit': 'Too many requests without credentials came from one address; wait a little.',
  'rate-limit-network': 'The network of the caller asked too often; wait a little.',
  'rate-limit-all': 'Too many requests without credentials came from all addresses together; wait a little.',
  'racks-limit': 'As many racks wait to be accepted as may; accept or reject some.',
  'followers-limit': 'As many readers follow the event log as may; end one of them.',
  'lists-limit': 'As many long lists are on their way as may, most of them to this user; read one to its end first.',
  'internal-error': 'The request failed inside the region; its log says more under the id in the answer.',
  'store-unavailable': 'The database cannot be written at the moment: a full disk, or another process; try again.',
  'power-busy': 'The power of the machine is being switched; wait until that has ended.',
};
