// Asks the metadata service for the path in argv again and again over one connection, and tells what it hears, and what ends it.
import { connect } from "node:net";

const socket = connect(80, "169.254.169.254");
const ask = () => socket.write(`GET ${process.argv[2]} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n`);
socket.on("connect", ask);
socket.on("data", (data) => {
  process.stdout.write(`${String(data).split("\r\n\r\n")[1]}\n`);
  setTimeout(ask, 20);
});
socket.on("error", (error) => process.stdout.write(`${error.code}\n`));
