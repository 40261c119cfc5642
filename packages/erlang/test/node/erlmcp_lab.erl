%%% A node with tables of every kind, and what tells whether a copy of them is the same, term for term.
-module(erlmcp_lab).

-export([start/0, join/1, digests/0, spoil/0, spoil_mnesia/1, mnesia_digests/1, sum/0, agent_traces/0, load/1, write_forever/0, stop_writing/0, hold/1, leave_checkpoint/0, cut_at/2]).

start() ->
    Me = self(),
    _ = spawn(fun() -> register(erlmcp_lab_owner, self()), tables(), Me ! ready, owner_loop() end),
    receive ready -> ok end,
    io:format("ready~n").

owner_loop() ->
    receive
        {digests, From} -> From ! {digests, own_digests()}, owner_loop();
        stop -> ok
    end.

tables() ->
    ets:new(lab_set, [named_table, public, {write_concurrency, true}]),
    ets:insert(lab_set, [{I, {row, I}, <<"some text ", (integer_to_binary(I))/binary>>} || I <- lists:seq(1, 30000)]),
    ets:new(lab_ordered, [named_table, protected, ordered_set, {keypos, 2}]),
    ets:insert(lab_ordered, [{v, K} || K <- keys()]),
    %% Not compressed: OTP 27.3.4 dies of a segmentation fault when anyone reads fun M:F/A out of a compressed table.
    ets:new(lab_terms, [named_table, private]),
    ets:insert(lab_terms, [{K, V} || {K, V} <- lists:zip(lists:seq(1, length(terms())), terms())]),
    ets:new(lab_compressed, [named_table, private, compressed, ordered_set]),
    ets:insert(lab_compressed, [{I, binary:copy(<<"text ">>, I)} || I <- lists:seq(1, 500)]),
    ets:new(lab_bag, [named_table, private, bag]),
    [ets:insert(lab_bag, {I rem 37, (I * 7919) rem 1000}) || I <- lists:seq(1, 3000)],
    ets:new(lab_dup, [named_table, protected, duplicate_bag]),
    [ets:insert(lab_dup, {I rem 11, (I * 31) rem 7}) || I <- lists:seq(1, 3000)],
    [begin T = ets:new(lab_anonymous, [private]), ets:insert(T, {rank, N}) end || N <- [1, 2]],
    ets:new(lab_fun, [named_table]),               % not compared: another VM writes a closure otherwise
    ets:insert(lab_fun, {1, fun() -> keys() end}),
    ets:new('lab odd/name', [named_table]),
    dets(), mnesia().

keys() ->
    [1, 2.5, -3, 1 bsl 70, -(1 bsl 70), a, <<"b">>, "string", {1, 2}, [], [a, 1.0], #{k => 1}, {1 bsl 40, x}].

terms() ->
    [1.5, -0.25, 1 bsl 90, 'unicodé', <<1:3>>, <<>>, #{b => 2, a => 1, <<"c">> => [1, 2 | 3]}, {}, {{}, []}, "", "text",
     [{key, "value"}, improper | tail], maps:from_list([{I, I * I} || I <- lists:seq(1, 50)]), list_to_tuple(lists:seq(1, 300)),
     binary:copy(<<"large ">>, 20000), self(), make_ref(), fun lists:map/2].

dets() ->
    {ok, _} = dets:open_file(lab_dets, [{file, "open.dets"}, {keypos, 2}]),
    [dets:insert(lab_dets, [{row, N * 100 + I, <<"text">>} || I <- lists:seq(1, 100)]) || N <- lists:seq(0, 99)],
    [dets:delete(lab_dets, I) || I <- lists:seq(1, 10000, 3)],
    {ok, _} = dets:open_file(lab_dets_bag, [{file, "open_bag.dets"}, {type, bag}]),
    [dets:insert(lab_dets_bag, {I rem 13, (I * 7919) rem 500}) || I <- lists:seq(1, 2000)],
    {ok, _} = dets:open_file(<<"lab dup">>, [{file, "open_dup.dets"}, {type, duplicate_bag}]),
    [dets:insert(<<"lab dup">>, {I rem 5, I rem 3}) || I <- lists:seq(1, 500)],
    {ok, _} = dets:open_file(lab_closed, [{file, "closed.dets"}]),
    dets:insert(lab_closed, [{I, closed} || I <- lists:seq(1, 5000)]),
    dets:close(lab_closed),
    {ok, _} = file:copy("closed.dets", "dirty.dets"),     % as a crash leaves it: not properly closed
    {ok, Fd} = file:open("dirty.dets", [read, write, raw, binary]),
    ok = file:pwrite(Fd, 8, <<0:32>>),
    ok = file:close(Fd).

mnesia() ->
    mnesia:create_schema([node()]),
    ok = mnesia:start(),
    N = [node()],
    create(lab_disc, [{disc_copies, N}, {attributes, [k, a, b]}, {index, [a]}]),
    create(lab_ram, [{ram_copies, N}, {type, ordered_set}]),
    create(lab_dumped, [{ram_copies, N}]),
    create(lab_only, [{disc_only_copies, N}, {type, bag}]),
    create(lab_mbag, [{disc_copies, N}, {type, bag}]),
    create(lab_local, [{ram_copies, N}, {local_content, true}]),
    create(lab_empty, [{disc_copies, N}, {load_order, 5}, {majority, true}]),
    create(lab_named, [{ram_copies, N}, {record_name, other}]),
    create(lab_frag, [{disc_copies, N}, {frag_properties, [{n_fragments, 4}, {node_pool, N}]}]),
    [mnesia:dirty_write({lab_disc, I, I rem 10, {text, integer_to_list(I)}}) || I <- lists:seq(1, 20000)],
    [mnesia:dirty_write({lab_ram, K, v}) || K <- keys()],
    [mnesia:dirty_write({lab_dumped, I, before}) || I <- lists:seq(1, 100)],
    {atomic, ok} = mnesia:dump_tables([lab_dumped]),
    [mnesia:dirty_write({lab_dumped, I, 'after'}) || I <- lists:seq(50, 300)],
    [mnesia:dirty_write({T, I rem 7, I}) || T <- [lab_only, lab_mbag], I <- lists:seq(1, 200)],
    [mnesia:dirty_write({lab_local, node(), I}) || I <- [1]],
    [mnesia:dirty_write(lab_named, {other, I, x}) || I <- lists:seq(1, 10)],
    mnesia:activity(async_dirty, fun() -> [mnesia:write({lab_frag, I, I}) || I <- lists:seq(1, 500)] end, [], mnesia_frag),
    ok.

create(Table, Options) -> {atomic, ok} = mnesia:create_table(Table, Options).

%%% One line for each table: kind, name, number of rows, digest of all rows, in order of keys, those of one key as they stand.

digests() ->
    erlmcp_lab_owner ! {digests, self()},
    Own = receive {digests, D} -> D end,
    lines(Own ++ mnesia_digests()).

own_digests() ->
    [ets_digest(path(T), T) || T <- ets:all(), ets:info(T, owner) =:= self(), T =/= lab_fun] ++
        [dets_digest(name(T), T) || T <- dets:all(), not lists:member(T, mnesia:system_info(tables))] ++
        [file_digest("files/%2Fhome%2Ferlmcp%2F" ++ F, F) || F <- ["closed.dets", "dirty.dets"]].

path('lab odd/name') -> "lab odd%2Fname";
path(T) when is_atom(T) -> atom_to_list(T);
path(T) -> [{rank, N}] = ets:lookup(T, rank), "lab_anonymous#erlmcp_lab_owner." ++ integer_to_list(N).

name(T) when is_atom(T) -> atom_to_list(T);
name(T) -> lists:flatten(io_lib:format("~tp", [T])).

mnesia_digests() -> [mnesia_digest(T) || T <- mnesia:system_info(tables), T =/= schema].

mnesia_digest(T) ->
    Keys = lists:sort(mnesia:dirty_all_keys(T)),
    {"mnesia", atom_to_list(T), lists:append([mnesia:dirty_read(T, K) || K <- Keys])}.

ets_digest(Name, T) -> {"ets", Name, lists:append([ets:lookup(T, K) || K <- ets_keys(T)])}.
ets_keys(T) -> lists:usort(ets:select(T, [{'_', [], [{element, ets:info(T, keypos), '$_'}]}])).

dets_digest(Name, T) ->
    Keys = lists:usort(dets:select(T, [{'_', [], [{element, dets:info(T, keypos), '$_'}]}])),
    {"dets", Name, lists:append([dets:lookup(T, K) || K <- Keys])}.

file_digest(Name, File) ->
    Copy = "/tmp/copy.dets",
    {ok, _} = file:copy(File, Copy),
    {ok, T} = dets:open_file(copy, [{file, Copy}]),
    Digest = dets_digest(Name, T),
    dets:close(T),
    file:delete(Copy),
    Digest.

%% Another content for every ETS table of the owner: rows gone, changed and new, the order of those of one key turned round.
spoil() ->
    erts_internal:ets_super_user(true),
    Owner = whereis(erlmcp_lab_owner),
    [spoil(T, ets_keys(T)) || T <- ets:all(), ets:info(T, owner) =:= Owner, is_atom(T)],
    "spoiled".

spoil(T, Keys) ->
    Position = ets:info(T, keypos),
    {Gone, Left} = lists:split(length(Keys) div 3, Keys),
    [ets:delete(T, K) || K <- Gone],
    [begin Rows = ets:lookup(T, K), ets:delete(T, K), [ets:insert(T, R) || R <- lists:reverse(Rows)] end || K <- Left],
    [ets:insert(T, erlang:make_tuple(2, new, [{Position, {spoiled, N}}])) || N <- lists:seq(1, 10)],
    [ets:insert(T, erlang:make_tuple(2, changed, [{Position, K}])) || K <- lists:sublist(Left, 5)].

%% The same for Mnesia's tables: a third of the keys gone, some rows changed, some new.
spoil_mnesia(Tables) ->
    [spoil_mnesia(T, lists:sort(mnesia:dirty_all_keys(T))) || T <- Tables],
    "spoiled".

spoil_mnesia(T, Keys) ->
    {Gone, Left} = lists:split((length(Keys) + 2) div 3, Keys),
    [mnesia:dirty_delete(T, K) || K <- Gone],
    Row = fun(K, V) ->
        erlang:make_tuple(length(mnesia:table_info(T, attributes)) + 1, V, [{1, mnesia:table_info(T, record_name)}, {2, K}])
    end,
    [mnesia:dirty_write(T, Row(K, changed)) || K <- lists:sublist(Left, 5)],
    [mnesia:dirty_write(T, Row({new, N}, N)) || N <- lists:seq(1, 5)].

mnesia_digests(Tables) -> lines([mnesia_digest(T) || T <- Tables]).

lines(Digests) ->
    lists:sort([io_lib:format("~s ~ts ~b ~s~n", [Kind, Name, length(Rows), digest(Rows)]) || {Kind, Name, Rows} <- Digests]).

digest(Rows) -> binary:encode_hex(erlang:md5(term_to_binary(Rows, [deterministic, {minor_version, 2}]))).

%%% In an empty node: the files of a folder, loaded by OTP's own functions.

load(Directory) ->
    ok = mnesia:start(),
    ok = mnesia:install_fallback(filename:join(Directory, "mnesia.bup"), [{scope, local}]),
    stopped = mnesia:stop(),
    ok = mnesia:start(),
    ok = mnesia:wait_for_tables(mnesia:system_info(tables), 30000),
    lines([ets_file(F) || {Name, _} = F <- list(Directory, "ets"), Name =/= "lab_fun"] ++ [dets_file(F) || F <- list(Directory, "dets")] ++ mnesia_digests()).

list(Directory, Kind) -> {ok, Names} = file:list_dir(filename:join(Directory, Kind)), [{N, filename:join([Directory, Kind, N])} || N <- Names].

ets_file({Name, File}) -> {ok, T} = ets:file2tab(File, [{verify, true}]), ets_digest(decoded(Name), T).

dets_file({Name, File}) ->
    {ok, T} = dets:open_file(File),
    Digest = dets_digest(decoded(Name), T),
    dets:close(T),
    Digest.

decoded(Name) -> string:replace(Name, "__", "/", all).

%%% What a run must not leave behind.

agent_traces() ->
    Left = [module || code:is_loaded(erlmcp_agent) =/= false orelse erlang:check_old_code(erlmcp_agent)] ++
        [name || whereis(erlmcp_agent) =/= undefined] ++
        [{checkpoint, C} || C <- mnesia:system_info(checkpoints)] ++
        [{fixed, T} || T <- ets:all(), ets:info(T, safe_fixed) =/= false, not lists:member(ets:info(T, name), fixed_by_others())] ++
        [{clone, T} || T <- ets:all(), ets:info(T, name) =:= erlmcp_clone] ++
        [{suspended, P} || P <- processes(), erlang:process_info(P, status) =:= {status, suspended}] ++
        [{client, N} || N <- nodes(hidden), N =/= node()],
    io_lib:format("~p", [[L || L <- Left, not ctl(L)]]).

fixed_by_others() -> [].

ctl({client, Node}) -> lists:prefix("ctl", atom_to_list(Node));
ctl(_) -> false.

write_forever() -> spawn(fun() -> register(erlmcp_lab_writer, self()), writer(1) end), ok.
stop_writing() -> exit(whereis(erlmcp_lab_writer), kill), ok.

%% What is added to one row is taken from another: the sum stays.
writer(N) ->
    From = N rem 10000 + 1,
    To = 10001 + (N * 7919) rem 10000,
    {atomic, ok} = mnesia:transaction(fun() ->
        [{_, _, X, T}] = mnesia:read(lab_disc, From, write),
        [{_, _, Y, U}] = mnesia:read(lab_disc, To, write),
        mnesia:write({lab_disc, From, X + 1, T}),
        mnesia:write({lab_disc, To, Y - 1, U})
    end),
    ets:insert(lab_set, {N rem 30000 + 1, N}),
    dets:insert(lab_dets, {row, N rem 10000, N}),
    writer(N + 1).

sum() -> integer_to_list(lists:sum([element(3, R) || K <- mnesia:dirty_all_keys(lab_disc), R <- mnesia:dirty_read(lab_disc, K)])).

leave_checkpoint() -> {ok, _, _} = mnesia:activate_checkpoint([{name, {erlmcp_agent, node(), 1}}, {max, [lab_disc]}]), "left".

%% A second node of the cluster: one table in both, one here alone, and its own rows of the local table.
join(First) ->
    ok = mnesia:start(),
    {ok, _} = mnesia:change_config(extra_db_nodes, [First]),
    {atomic, ok} = mnesia:change_table_copy_type(schema, node(), disc_copies),
    {atomic, ok} = mnesia:add_table_copy(lab_disc, node(), disc_copies),
    {atomic, ok} = mnesia:add_table_copy(lab_local, node(), ram_copies),
    create(lab_second, [{ram_copies, [node()]}]),
    mnesia:dirty_write({lab_second, 1, here}),
    mnesia:dirty_write({lab_local, node(), 2}),
    io:format("ready~n").

%% More rows, so that a capture takes its time.
hold(Rows) ->
    create(lab_big, [{ram_copies, [node()]}]),
    [mnesia:dirty_write({lab_big, I, <<"a row that is there to take time ", (integer_to_binary(I))/binary>>}) || I <- lists:seq(1, Rows)],
    "held".

%% Ends the agent as soon as a table has that many rows.
cut_at(Table, Rows) ->
    spawn(fun() -> await_size(Table, Rows), exit(whereis(erlmcp_agent), kill) end),
    "armed".

await_size(Table, Rows) ->
    case mnesia:table_info(Table, size) of
        Size when Size >= Rows -> ok;
        _ -> erlang:yield(), await_size(Table, Rows)
    end.
