%%% @doc The client VM beside the node that is backed up: carries requests from standard input into the node and
%%% answers from the node to standard output. It runs with the target's own erts inside its container.
%%%
%%% Standard input: frames of 4 bytes length and content: this module, the agent's module, the configuration, then
%%% requests. An empty frame ends the session in order; the end of file means that the job has died, and stops
%%% everything at once. Standard output: what the agent sends, then `{bye}' once the agent has left the node.
%%% Standard error: one line `erlmcp: CODE TEXT' for a failure; exit status 0 or 1.
-module(erlmcp_client).

-export([main/2]).

-define(LOCK, erlmcp_agent). % the name that the janitor registers in the node: one job at a time
-define(CALL_MS, 15000).

%% @doc Called by connect.sh with the port of standard input and what was read from it already.
-spec main(port(), binary()) -> no_return().
main(In, Buffer) ->
    {Beam, Rest} = frame(In, Buffer),
    {Config, Rest1} = frame(In, Rest),
    Node = full_name(os:getenv("ERLMCP_NODE", "")),
    erlang:set_cookie(Node, list_to_atom(os:getenv("ERLMCP_COOKIE", "nocookie"))),
    os:unsetenv("ERLMCP_COOKIE"),
    net_kernel:connect_node(Node) orelse
        fail(cannot_connect, io_lib:format("~ts does not let us in: wrong cookie, or it is not reachable under this name", [Node])),
    Writer = spawn_link(fun writer/0),
    {Janitor, Session} = start_session(Node, Beam, Config, Writer),
    serve(In, Rest1, Session, Janitor, Writer).

%% A process of its own: it may wait for a slow reader while the end of standard input is still noticed.
writer() ->
    Out = open_port({fd, 1, 1}, [out, binary]),
    write(Out).

write(Out) ->
    receive
        {erlmcp_data, From, Data} ->
            true = port_command(Out, Data),
            From ! erlmcp_ack,
            write(Out)
    end.

serve(In, Buffer, Session, Janitor, Writer) ->
    case Buffer of
        <<0:32, _/binary>> ->
            Session ! erlmcp_stop,
            finish(In, Janitor, Writer);
        <<Length:32, Request:Length/binary, Rest/binary>> ->
            Session ! {erlmcp_request, Request},
            serve(In, Rest, Session, Janitor, Writer);
        _ ->
            receive
                {In, {data, Data}} -> serve(In, <<Buffer/binary, Data/binary>>, Session, Janitor, Writer);
                {In, eof} -> cancelled();
                {erlmcp_gone, Why} -> fail(session_lost, io_lib:format("~tp", [Why]));
                {'DOWN', _, process, Janitor, Why} -> fail(session_lost, io_lib:format("~tp", [Why]))
            end
    end.

finish(In, Janitor, Writer) ->
    receive
        {erlmcp_gone, _} ->
            Bye = term_to_binary({bye}),
            Writer ! {erlmcp_data, self(), <<1:1, (byte_size(Bye)):31, Bye/binary>>},
            receive erlmcp_ack -> halt(0) after ?CALL_MS -> fail(stuck, "nobody reads the output") end;
        {In, eof} -> port_close(In), finish(In, Janitor, Writer); % left open at its end, it would keep the VM busy
        {'DOWN', _, process, Janitor, Why} when Why =/= normal -> fail(session_lost, io_lib:format("~tp", [Why]))
    after ?CALL_MS ->
        fail(not_removed, "the agent did not leave the node in time")
    end.

%% No flush: a reader that is gone would hold us for ever. The node sees our death and cleans up.
-spec cancelled() -> no_return().
cancelled() -> halt(3, [{flush, false}]).

%% The janitor is interpreted in the node, not part of the module that it removes: whatever ends the session,
%% it removes the module. Its registered name is the lock.
janitor() ->
    "case catch erlang:register(Lock, self()) of
         true ->
             Gone = erlang:monitor(process, Client),
             {module, Module} = code:load_binary(Module, atom_to_list(Module) ++ \".beam\", Beam),
             {Session, Ended} = erlang:spawn_monitor(Module, session, [Writer, self(), Config]),
             Client ! {erlmcp_session, self(), Session},
             Why = receive {'DOWN', Ended, process, _, Reason} -> Reason end,
             code:purge(Module), code:delete(Module), code:purge(Module),
             Client ! {erlmcp_gone, Why};
         _ -> Client ! {erlmcp_busy, self()}
     end.".

start_session(Node, Beam, Config, Writer) ->
    {ok, Tokens, _} = erl_scan:string(janitor()),
    {ok, Forms} = erl_parse:parse_exprs(Tokens),
    Bindings = lists:foldl(fun({Name, Value}, Acc) -> erl_eval:add_binding(Name, Value, Acc) end, erl_eval:new_bindings(),
                           [{'Lock', ?LOCK}, {'Client', self()}, {'Writer', Writer}, {'Module', erlmcp_agent},
                            {'Beam', Beam}, {'Config', Config}]),
    {Janitor, _} = erlang:spawn_monitor(Node, erl_eval, exprs, [Forms, Bindings]),
    receive
        {erlmcp_session, Janitor, Session} -> {Janitor, Session};
        {erlmcp_busy, Janitor} -> fail(busy, io_lib:format("another backup job is at work in ~ts", [Node]));
        {'DOWN', _, process, Janitor, Why} -> fail(cannot_start, io_lib:format("~tp", [Why]))
    after ?CALL_MS -> fail(cannot_start, "the node does not answer")
    end.

%% A short name gets the host part that the node itself would give it.
full_name("") -> fail(no_distribution, "the node has no name: it runs without Erlang distribution");
full_name(Name) ->
    case lists:member($@, Name) of
        true -> list_to_atom(Name);
        false -> list_to_atom(Name ++ "@" ++ host(init:get_argument(name)))
    end.

host(error) -> {ok, Host} = inet:gethostname(), hd(string:tokens(Host, "."));
host(_) -> net_adm:localhost().

frame(In, Buffer) ->
    case Buffer of
        <<Length:32, Frame:Length/binary, Rest/binary>> -> {Frame, Rest};
        _ ->
            receive
                {In, {data, Data}} -> frame(In, <<Buffer/binary, Data/binary>>);
                {In, eof} -> cancelled()
            end
    end.

-spec fail(atom(), iodata()) -> no_return().
fail(Code, Text) ->
    Line = [C || C <- lists:flatten(io_lib:format("~ts", [Text])), C >= 32],
    io:format(standard_error, "erlmcp: ~s ~ts~n", [Code, Line]),
    written(100),
    halt(1, [{flush, false}]).

%% Waits until standard error has gone out, two seconds at most: halt/2 would wait for all ports or for none.
written(0) -> ok;
written(Tries) ->
    Queued = [Port || Port <- erlang:ports(), erlang:port_info(Port, name) =:= {name, "2/2"},
                      erlang:port_info(Port, queue_size) =/= {queue_size, 0}],
    case Queued of
        [] -> ok;
        _ -> timer:sleep(20), written(Tries - 1)
    end.
