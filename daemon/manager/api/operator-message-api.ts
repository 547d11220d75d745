import type { operatorMessageMethods } from '../../../rpc-schema/manager/operator-message.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Rooms } from './rooms.js'

/** Messages of operators. */
export const operatorMessageApi = ({ operatorMessages }: Rooms): Handlers<typeof operatorMessageMethods> => ({
  PreviewMessage: message => operatorMessages.preview(message),
  SendMessage: message => operatorMessages.send(message),
  MessageState: id => operatorMessages.state(id),
  ListMessages: limit => operatorMessages.list(limit),
})
