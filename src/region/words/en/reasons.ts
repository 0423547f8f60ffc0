// For every name of a refusal, one sentence with the remedy, for the document of all reasons. The answer itself names the refused value.

/** By name. */
export const REASONS = {
  'invalid-parameters':
    'A parameter is missing or has the wrong form; the answer names each one and its expected form.',
  'unknown-operation': 'The path has no such `op`; the answer lists those it has.',
  'setting-invalid': 'The value does not fit its key; the answer names the accepted values.',
  'setting-unknown': 'No setting has that name.',
  'networks-limit': 'The region has the maximum number of such network objects; remove some.',
  'in-use': 'Another object uses this one; the answer names it. Remove or move that object first.',
  'settings-limit': 'The store has the maximum number of settings; remove some.',
  'api-keys-limit': 'The account has the maximum number of API keys; delete one.',
  'bad-request': 'The request itself is malformed.',
  'not-authenticated': 'The API key is invalid or missing; `sudo rackboot apikey` prints a new one.',
  'not-allowed': 'The caller is authenticated but may not do this; an administrator may.',
  'not-owner': 'The machine belongs to another user; its owner and administrators may do this.',
  'not-this-boot': "The caller lacks the token of a machine's current boot, or is not at its address.",
  'not-from-here': 'Machines enlist only from managed networks; the caller is not in one.',
  'sign-in-by-rack': "Users cannot sign in through a remote rack; open the region's own address.",
  'rack-pending': 'The rack is waiting for an administrator: `rackboot racks accept NAME`.',
  'rack-rejected': 'An administrator has rejected the rack; remove it to let it register again.',
  'rack-key': 'The key belongs to another rack, or the rack registered with another key.',
  'rack-embedded': "The rack of the region's own process cannot be rejected or removed.",
  'bodies-limit': 'Too many large bodies are arriving, and no place was freed within 20 s; try again in a few seconds.',
  'new-machines-limit':
    'There are already region.new_machines_max New machines, and a machine that has not booted cannot replace any of them; accept or delete some.',
  'added-machines-limit':
    'The user is not an administrator, and has reached the limit for added machines that have not booted yet; boot some, or have an administrator delete some.',
  'machines-limit': 'The region has the maximum number of machines; delete some.',
  'not-found': 'Nothing has that name.',
  'method-not-allowed': 'The path does not support the method; the answer lists those it supports.',
  'transition-not-allowed': "The life cycle has no such step from the machine's state.",
  'machine-in-use': 'The machine is at work or has an owner; release it first.',
  'domain-in-use':
    'The domain is the default one, or has machines, devices, records or reserved addresses; the answer says which.',
  'layout-refused': 'The network or the disks of the machine cannot have this layout; the answer says why.',
  'machine-locked': 'The machine is locked; `rackboot machines unlock` unlocks it.',
  'owner-data-limit':
    'The machine, or all machines of its owner together, have the maximum of owner data; remove keys by giving them empty values.',
  'nothing-matches': 'No Ready machine meets the conditions; accept or release one, or ask for less.',
  'no-ssh-key': 'The owner has no SSH key, so no login would be possible; `rackboot sshkeys add` adds one.',
  'image-missing':
    'There is no image of that system for the architecture of the machine; `rackboot images make-debian` builds one, `rackboot images add` adds an existing one.',
  'power-by-hand':
    'Rackboot cannot switch the machine: it has no power driver, or its proposed driver has not been accepted.',
  'address-refused': 'The requested address cannot be assigned; the answer says why.',
  'addresses-exhausted': 'All addresses of the static range are assigned; release a machine, or widen the range.',
  'preseed-faulty': 'A preseed template has an error; the answer names file, line and remedy.',
  'setting-read-only': 'The value is pinned in a configuration file; the answer names file and key.',
  'rack-version': 'Rack and region speak different versions of their link; update the older one.',
  'rack-length':
    'A rack that is not accepted sends too much about its interfaces; update it, or let it register with an administrator’s key.',
  'rack-name': 'Another accepted rack has the name; rename one of them.',
  'rack-network': 'The rack has no networks, or lacks the one that it should share; check its networks.',
  'unknown-version': 'The API has only the versions 1.0 and 2.0.',
  'body-too-large': 'The body is longer than the region accepts.',
  'unknown-body': 'The body is neither a form nor JSON.',
  'rate-limit': 'Too many requests without credentials came from one address; wait a little.',
  'rate-limit-network': 'Too many requests without credentials came from one network; wait a little.',
  'rate-limit-all': 'Too many requests without credentials came from all addresses together; wait a little.',
  'racks-limit': 'Too many racks wait to be accepted; accept or reject some.',
  'followers-limit': 'Too many clients follow the event log; end one of them.',
  'lists-limit':
    'Too many long lists and searches are running, and this user has used its share; wait until one has ended.',
  'uploads-limit': 'The region takes no further upload at the moment; the answer says why.',
  'upload-conflict': 'The upload does not take this piece now; the answer says what it needs.',
  'tag-changed': 'The tag has another definition than the one by which the machines were chosen.',
  'images-unreadable': 'A process of the region cannot read its directory of images; the answer says why.',
  'downloads-limit': 'Too many images are being downloaded from the region; the client should try again later.',
  'internal-error': 'The request failed inside the region; its log has details under the id in the answer.',
  'store-unavailable': 'The database cannot be written at the moment: a full disk, or another process; try again.',
  'power-busy': 'The power of the machine is being switched; wait until that has ended.',
} as const;

/** Every name of a refusal. */
export type RefusalName = keyof typeof REASONS;
