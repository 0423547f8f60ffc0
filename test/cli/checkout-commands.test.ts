// Commands that refusals of a checkout name work as typed; the long suite has all of them.

import { testCheckoutCommands } from '../cases/checkout-commands.ts';

testCheckoutCommands('short');
